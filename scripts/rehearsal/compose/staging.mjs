// @ts-check

const MEGABYTE = 1 << 20;

/**
 * What compose.staging.yml changes has come to the containers.
 *
 * @param {import('./stage.mjs').Stage} stage
 */
export async function rehearseStaging({ rehearsal: { goal }, project }) {
  for (const service of ['app-1', 'app-2', 'app-3', 'worker']) {
    const container = await project.containerOf(service);
    const memory = Number(await project.docker('inspect', '--format', '{{.HostConfig.Memory}}', container));
    const log = await project.docker('logs', '--tail', '2000', container);
    goal(
      memory === 512 * MEGABYTE && log.includes('"level":"debug"'),
      `${service}: ${String(memory / MEGABYTE)} MB, ${log.includes('"level":"debug"') ? 'tells all' : 'is quiet'}`,
    );
  }
  const flags = await project.askInside('http://127.0.0.1:9090/api/v1/status/flags');
  const [, retention = 'nothing'] = /"storage\.tsdb\.retention\.time":"([^"]*)"/.exec(flags) ?? [];
  goal(retention === '3d', `Prometheus keeps ${retention}`);
}

// @ts-check
import { until } from '../cache.mjs';

const PROCESSES = ['app-1', 'app-2', 'app-3'];
/** Of four containers each gets another address in the reverse order, and the worker one that nginx asked. */
const MOVED = [...PROCESSES, 'worker'];
const FORMAT = '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}';
/** start.sh of the gateway looks every 5 s, and asks the resolver a few times. */
const FOLLOW_DEADLINE_MS = 30_000;
const REQUESTS = 12;

/**
 * Until nginx asks every process at the address that it has now, and nobody else.
 *
 * @param {import('./stage.mjs').Stage} stage
 */
export async function untilAllAreAsked({ rehearsal: { signal }, project, client }) {
  const expected = new Set(await addressesOf(project, await containersOf(project, PROCESSES)));
  const nginx = await project.containerOf('nginx');
  await until(
    'requests to all processes at their addresses',
    FOLLOW_DEADLINE_MS,
    async () => {
      signal.throwIfAborted();
      const since = new Date().toISOString();
      for (let request = 0; request < REQUESTS; request += 1)
        await client.send('GET', '/api/v1/products/rehearsal');
      const log = await project.docker('logs', '--since', since, nginx);
      const asked = new Set([...log.matchAll(/"upstream":"([\d.]+):/g)].map(([, address = '']) => address));
      return [...expected].every((address) => asked.has(address)) && asked.size === expected.size;
    },
    500,
  );
}

/**
 * All processes end and start again, as with their host, but so that each has the address of another: the engine gives
 * away the lowest that is free. nginx finds them where they are then.
 *
 * @param {import('./stage.mjs').Stage} stage
 */
export async function rehearseAddresses(stage) {
  const { rehearsal, project, client } = stage;
  const containers = await containersOf(project, MOVED);
  const before = await addressesOf(project, containers);
  await project.docker('stop', ...containers);
  const highestFirst = containers
    .map((container, index) => ({ container, host: Number(before[index]?.split('.').at(-1)) }))
    .sort((one, other) => other.host - one.host);
  for (const { container } of highestFirst) await project.docker('start', container);
  const now = await addressesOf(project, containers);
  rehearsal.goal(
    now.every((address, index) => address !== before[index]),
    `addresses: ${before.join(', ')} -> ${now.join(', ')}`,
  );
  client.forgetConnections();
  const startedMs = performance.now();
  await untilAllAreAsked(stage);
  const seconds = ((performance.now() - startedMs) / 1_000).toFixed(0);
  rehearsal.goal(true, `nginx asks all of them after ${seconds} s, without being told`);
}

/** @param {import('../compose-project.mjs').ComposeProject} project @param {readonly string[]} names */
const containersOf = (project, names) => Promise.all(names.map((name) => project.containerOf(name)));

/** @param {import('../compose-project.mjs').ComposeProject} project @param {readonly string[]} containers */
const addressesOf = (project, containers) =>
  Promise.all(containers.map((container) => project.docker('inspect', '--format', FORMAT, container)));

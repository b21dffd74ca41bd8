// @ts-check
import { until } from '../cache.mjs';
import { ZONES } from './simulated-nodes.mjs';

const DRAIN_MS = 170_000;

/**
 * Drains every node of the zone with the most pods at once: the disruption budget lets a fifth of the pods go, and the others only when
 * those are replaced and ready.
 *
 * @param {import('./scaling.mjs').Stage} stage
 * @param {import('./api-client.mjs').ApiClient} api
 */
export async function drainZone({ controlPlane: { kubectl }, rehearsal: { goal, say }, fleet }, api) {
  const nodesOfPods = await kubectl([
    ...['-n', 'caudal', 'get', 'pods', '-l', 'app.kubernetes.io/component=api'],
    ...['-o', 'jsonpath={range .items[*]}{.spec.nodeName}{"\\n"}{end}'],
  ]);
  const [onZone, zone] = ZONES.map(
    (each) =>
      /** @type {const} */ ([
        nodesOfPods.split('\n').filter((node) => node.startsWith(`node-${each}-`)),
        each,
      ]),
  ).reduce((most, each) => (each[0].length > most[0].length ? each : most));
  fleet.mark();
  const { ready } = fleet.count();
  const least = Math.ceil(ready * 0.8);
  const drains = Promise.all(
    [...new Set(onZone)].map((node) =>
      kubectl([
        ...['drain', node, '--ignore-daemonsets', '--delete-emptydir-data', '--force'],
        `--timeout=${String(DRAIN_MS / 1000)}s`,
      ]),
    ),
  );
  const refusal = until('the budget to be spent', DRAIN_MS, () => fleet.count().ready === least, 20).then(
    () => evictOneMore(api, fleet.readyPods()[0] ?? ''),
  );
  const [outputs, answer] = await Promise.all([drains, refusal]);
  const evicted = (outputs.join('\n').match(/pod\/caudal-api-\S+ evicted/g) ?? []).length;
  await until(
    'the pods to be replaced',
    DRAIN_MS,
    () => fleet.count().ready === ready && fleet.count().ending === 0,
  );
  say(`    pods: ${fleet.timeline(5).join(', ')}`);
  goal(
    evicted === onZone.length && evicted > ready - least && fleet.readyMin >= least,
    `zone ${zone} is drained: its ${String(evicted)} pods are evicted, and of ${String(ready)} never fewer than ${String(fleet.readyMin)} are ready, as the disruption budget has it`,
  );
  goal(
    /429.*disruption budget/.test(answer),
    `an eviction too many is refused: ${/"message":"([^"]*)"/.exec(answer)?.[1] ?? answer}`,
  );
  await kubectl(['uncordon', '--selector=type=kwok']);
}

/** @param {import('./api-client.mjs').ApiClient} api @param {string} name */
const evictOneMore = (api, name) =>
  api
    .send('POST', `/api/v1/namespaces/caudal/pods/${name}/eviction`, {
      ...{ apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace: 'caudal' } },
    })
    .then(
      () => 'it was not refused',
      (/** @type {unknown} */ error) => String(error),
    );

// @ts-check
// npm run rehearse:node
// The production manifests on a real node: kubelet, containerd and kube-proxy run the real image as real pods behind a
// Service, with the shipped nginx in front, while things are killed, frozen, exhausted and restarted under load. Prints
// a timeline; exit code 1 when a goal is missed, 69 when something it needs cannot be had. docs/operations.md.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findNginx } from '../deploy/nginx-server.mjs';
import { findOnPath } from '../services/commands.mjs';
import { installDebianPackages } from '../services/debian-packages.mjs';
import { cacheFolder, rehearse, Unavailable } from './cache.mjs';
import { goTool } from './go-tools.mjs';
import { networkPlugins } from './node/containerd.mjs';
import { imageArchive } from './node/images.mjs';
import { clearAway, runIsolated } from './node/isolation.mjs';

/** Of all that happens on the node; what is made before it may take longer, the first time. */
const NODE_DEADLINE_MS = 24 * 60_000;
const DEADLINE_MS = 110 * 60_000;

const PROGRAMS = [
  ...['containerd', 'ctr', 'runc', 'nft', 'conntrack', 'ip', 'unshare', 'setpriv', 'nsenter', 'openssl'],
];
const PACKAGES = [
  ...['containerd', 'runc', 'containernetworking-plugins', 'nftables', 'conntrack', 'iproute2', 'util-linux'],
];

await rehearse('rehearse:node, all of it', { deadlineMs: DEADLINE_MS }, async (rehearsal) => {
  const { say, goal, later, leftOut, signal } = rehearsal;
  if (process.platform !== 'linux' || process.getuid?.() !== 0)
    throw new Unavailable('a node needs Linux, and root');
  const isComplete = () =>
    PROGRAMS.every((name) => findOnPath(name) !== null) && networkPlugins() !== undefined;
  if (!isComplete()) await installDebianPackages(PACKAGES, say);
  if (!isComplete())
    throw new Unavailable(`not here, and not to be had by apt: some of ${PACKAGES.join(', ')}`);
  const nginx = await findNginx(say);
  if (nginx === null)
    throw new Unavailable('nginx with its brotli modules is not here and cannot be had by apt');
  /** @type {Record<string, string>} */
  const tools = {};
  for (const name of [
    'etcd',
    'kube-apiserver',
    'kube-controller-manager',
    'kube-scheduler',
    'kubectl',
    'kubelet',
    'kube-proxy',
    'k6',
  ]) {
    const { path, reason } = await goTool(name);
    if (path === undefined) throw new Unavailable(reason);
    tools[name] = path;
  }
  // Without these the rest is still worth much.
  const [collector, bucket] = await Promise.all(
    ['otelcol', 'versitygw'].map(async (name) => {
      const { path, reason } = await goTool(name);
      if (path === undefined) leftOut(reason);
      return path;
    }),
  );
  say('programs are there');
  const images = await imageArchive(rehearsal);

  const state = join(cacheFolder('node'), 'state');
  clearAway(state);
  mkdirSync(state, { recursive: true });
  later(() => {
    // KEEP_STATE: logs of everything, for whoever looks for the reason of a failure.
    if (process.env['KEEP_STATE'] === undefined) clearAway(state);
  });
  const prepared = {
    ...{ state, ...images },
    programs: {
      kubelet: tools['kubelet'],
      kubeProxy: tools['kube-proxy'],
      k6: tools['k6'],
      nginx,
      collector,
      bucket,
    },
  };
  say(`the node, in namespaces of its own; at most ${String(NODE_DEADLINE_MS / 60_000)} minutes`);
  const code = await runIsolated(fileURLToPath(new URL('node/inside.mjs', import.meta.url)), {
    env: {
      ...{ TMPDIR: state, REHEARSAL: JSON.stringify({ prepared, deadlineMs: NODE_DEADLINE_MS }) },
    },
    signal,
  });
  goal(code === 0, `the node ended with ${String(code)}`);
});

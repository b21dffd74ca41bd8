// @ts-check
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { until } from '../cache.mjs';
import { command } from './isolation.mjs';
import { podNetwork } from './node-network.mjs';

/** Debian's containernetworking-plugins, and where others put them. */
const PLUGINS = ['/usr/lib/cni', '/opt/cni/bin'];

/** Whether its programs are here. */
export const networkPlugins = () => PLUGINS.find((path) => existsSync(join(path, 'ptp')));

/**
 * A containerd with everything of its own.
 *
 * @param {object} options
 * @param {string} options.state directory
 * @param {string} options.pauseImage holds the namespaces of a pod
 * @param {string} options.archive of images, as `docker save` makes it
 * @param {import('../processes.mjs').Processes} options.processes
 * @returns {Promise<string>} the socket
 */
export async function startContainerd({ state, pauseImage, archive, processes }) {
  const directory = join(state, 'containerd');
  const network = join(directory, 'net.d');
  mkdirSync(network, { recursive: true });
  writeFileSync(join(network, 'caudal.conflist'), JSON.stringify(podNetwork(join(directory, 'addresses'))));
  const socket = '/run/caudal-containerd.sock';
  const configuration = join(directory, 'config.toml');
  writeFileSync(
    configuration,
    `version = 2
root = "${join(directory, 'root')}"
state = "/run/caudal-containerd"
[grpc]
  address = "${socket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${pauseImage}"
  # Without the right to lower it, every sandbox would fail.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "${networkPlugins() ?? ''}"
    conf_dir = "${network}"
`,
  );
  processes.start('containerd', 'containerd', ['--config', configuration]);
  const ctr = (/** @type {string[]} */ ...args) =>
    command('ctr', ['--address', socket, '--namespace', 'k8s.io', ...args]);
  await until('containerd', 60_000, () => {
    const failure = processes.failure();
    if (failure !== undefined) throw new Error(failure);
    return ctr('version');
  });
  ctr('images', 'import', archive);
  return socket;
}

// @ts-check
// A Docker Engine for a rehearsal: the one that answers, otherwise one of its own that ends with it.
import { spawn } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { findOnPath } from '../services/commands.mjs';
import { installDebianPackages } from '../services/debian-packages.mjs';
import { Unavailable, cacheFolder, run, say, succeeds, until } from './cache.mjs';
import { goTool } from './go-tools.mjs';
import { noteFirewall } from './firewall.mjs';

const START_DEADLINE_MS = 60_000;
/** Another rehearsal may have the engine of the cache; it ends by itself. */
const WAIT_FOR_OTHER_MS = 1_800_000;
const STOP_DEADLINE_MS = 40_000;
/**
 * Starts the engine and ends it when its standard input closes: however the rehearsal ends, the engine does too.
 * It must not get the Ctrl-C that the rehearsal gets, because the containers are taken down first.
 */
const GUARDED = `pid="$1"; shift; "$@" </dev/null & trap '' INT TERM HUP; read -r _; kill "$(cat "$pid")"; wait`;

/**
 * @typedef {object} Engine
 * @property {NodeJS.ProcessEnv} env for every docker command: which engine, which plug-ins, which network for builds
 * @property {boolean} isOwn whether it was started for this rehearsal
 * @property {(...args: string[]) => Promise<string>} docker
 */

/**
 * @param {{ later: (cleanUp: () => unknown) => void, isComposeNeeded?: boolean }} options
 * @returns {Promise<Engine>}
 * @throws {Unavailable} with the reason
 */
export async function startEngine({ later, isComposeNeeded = false }) {
  const isThere =
    findOnPath('docker') !== null && (await succeeds('docker', ['version'], { timeoutMs: 30_000 }));
  if (!isThere && process.env['DOCKER_HOST'] !== undefined)
    throw new Unavailable('the engine of DOCKER_HOST does not answer');
  /** @type {NodeJS.ProcessEnv} */
  const env = isThere ? {} : await startOwn(later);
  if (isComposeNeeded) Object.assign(env, await findCompose(env, later));
  const docker = (/** @type {string[]} */ ...args) => run('docker', args, { env });
  const version = await docker('version', '--format', '{{.Server.Version}}');
  say(`engine ${version}, ${isThere ? 'which was there' : 'started for this'}`);
  return { env, isOwn: !isThere, docker };
}

/** @param {(cleanUp: () => unknown) => void} later @returns {Promise<NodeJS.ProcessEnv>} */
async function startOwn(later) {
  if (process.platform !== 'linux' || process.getuid?.() !== 0)
    throw new Unavailable('no Docker Engine answers, and one can be started on Linux by root only');
  await installPrograms();
  const folder = cacheFolder('engine');
  const pidFile = join(folder, 'dockerd.pid');
  if (isEngine(pidFile)) {
    say('another rehearsal has the engine of the cache: waiting for its end');
    await until('the end of the other rehearsal', WAIT_FOR_OTHER_MS, () => !isEngine(pidFile), 1_000);
  }
  rmSync(pidFile, { force: true });
  const restoreFirewall = await noteFirewall();
  // Sockets have short names only.
  const execRoot = mkdtempSync(join(tmpdir(), 'caudal-engine-'));
  const socket = join(execRoot, 'docker.sock');
  const logFile = join(folder, 'dockerd.log');
  const log = openSync(logFile, 'w');
  const child = spawn(
    'sh',
    [
      ...['-c', GUARDED, 'sh', pidFile, 'dockerd'],
      ...['--data-root', join(folder, 'data'), '--exec-root', join(execRoot, 'exec')],
      ...['--host', `unix://${socket}`, '--pidfile', pidFile],
      // No bridge but those of the networks that the rehearsal makes; builds use the network of the machine.
      ...['--bridge=none', '--default-address-pool', `base=${freeRange()},size=24`],
    ],
    { detached: true, stdio: ['pipe', log, log] },
  );
  closeSync(log);
  const exited = new Promise((resolve) => child.once('exit', resolve));
  later(async () => {
    child.stdin?.end();
    const timer = setTimeout(() => {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    }, STOP_DEADLINE_MS);
    await exited;
    clearTimeout(timer);
    await restoreFirewall();
    // Name spaces of networks stay mounted.
    for (const mount of mountsBelow(execRoot)) await run('umount', [mount]).catch(() => {});
    rmSync(execRoot, { recursive: true, force: true });
  });
  const env = { DOCKER_HOST: `unix://${socket}`, BUILD_NETWORK: 'host' };
  await until('the Docker Engine', START_DEADLINE_MS, async () => {
    const failure = /failed to start .*|permission denied.*/i.exec(readFileSync(logFile, 'utf8'));
    if (failure !== null) return failure[0];
    return (await succeeds('docker', ['version'], { env, timeoutMs: 10_000 })) && 'started';
  })
    .catch(() => `no answer within ${String(START_DEADLINE_MS / 1_000)} s`)
    .then((answer) => {
      if (answer !== 'started')
        throw new Unavailable(`dockerd cannot be started here: ${answer.slice(0, 300)}`);
    });
  return env;
}

/** @param {string} folder @returns {string[]} the innermost first */
const mountsBelow = (folder) =>
  readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '')
    .filter((mount) => mount.startsWith(`${folder}/`))
    .reverse();

/** Debian's engine and client, with what it needs to make networks. */
async function installPrograms() {
  const isComplete = () => ['dockerd', 'docker', 'iptables'].every((name) => findOnPath(name) !== null);
  if (isComplete()) return;
  // docker-cli: the client is a package of its own in newer releases.
  for (const packages of [['docker.io', 'iptables'], ['docker-cli']])
    if (!isComplete()) await installDebianPackages(packages, say);
  if (!isComplete()) throw new Unavailable('there is no dockerd, and apt-get has none to give');
}

/** @param {string} pidFile */
function isEngine(pidFile) {
  try {
    return /dockerd/.test(readFileSync(`/proc/${readFileSync(pidFile, 'utf8').trim()}/cmdline`, 'utf8'));
  } catch {
    return false;
  }
}

/** A range for the networks of the rehearsal that no interface of this machine is in. */
function freeRange() {
  const taken = Object.values(networkInterfaces()).flatMap((addresses = []) =>
    addresses.map(({ address }) => address),
  );
  for (let second = 210; second < 250; second += 1)
    if (!taken.some((address) => address.startsWith(`10.${String(second)}.`)))
      return `10.${String(second)}.0.0/16`;
  throw new Unavailable('no range of addresses is free');
}

/**
 * The compose plug-in of the machine, otherwise one built from its Go module.
 *
 * @param {NodeJS.ProcessEnv} env
 * @param {(cleanUp: () => unknown) => void} later
 * @returns {Promise<NodeJS.ProcessEnv>}
 */
async function findCompose(env, later) {
  if (await succeeds('docker', ['compose', 'version'], { env })) return {};
  say('building docker compose from its Go module, unless the cache has it');
  const { path, reason } = await goTool('compose');
  if (path === undefined) throw new Unavailable(`there is no docker compose, and ${reason}`);
  const config = mkdtempSync(join(tmpdir(), 'caudal-docker-'));
  later(() => {
    rmSync(config, { recursive: true, force: true });
  });
  mkdirSync(join(config, 'cli-plugins'));
  symlinkSync(path, join(config, 'cli-plugins/docker-compose'));
  // The credentials of whoever runs this, for images that have to be pulled.
  const credentials = join(process.env['HOME'] ?? '/root', '.docker/config.json');
  if (existsSync(credentials)) symlinkSync(credentials, join(config, 'config.json'));
  return { DOCKER_CONFIG: config };
}

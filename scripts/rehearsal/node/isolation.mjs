// @ts-check
// A node changes the machine that it runs on: interfaces, rules, routes, mounts, kernel settings. So it runs in
// network, mount and process namespaces of its own. When their first process ends, however it ends, the kernel kills
// the others and takes everything away but files and control groups; those are removed here.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { removeWithClusters } from '../../services/postgres-host.mjs';

const CONTROL_GROUPS = '/sys/fs/cgroup';
/** Of all that the node's pods run in; the kubelet makes its own below. */
export const CONTROL_GROUP = 'caudal-rehearsal-node';

/** Of what serves the pods, beside the kubelet's group for them and with as much weight. */
const SERVICES_GROUP = 'services';
/**
 * A node has processors of its own; this one shares those of a machine that may be busy with other things. Twenty times
 * the weight of a single process, in the names of version 1 and of version 2.
 */
const CPU_WEIGHTS = /** @type {const} */ ([
  ['cpu.shares', '20480', '2048'],
  ['cpu.weight', '2000', '100'],
]);

/** What the kubelet sets for the whole machine, which is not the rehearsal's. */
const KERNEL_SETTINGS = [
  ...['vm/overcommit_memory', 'vm/panic_on_oom', 'kernel/panic', 'kernel/panic_on_oops'],
  ...['kernel/keys/root_maxkeys', 'kernel/keys/root_maxbytes'],
].map((name) => `/proc/sys/${name}`);

/**
 * Runs a script of ours in there and waits for its end. It dies with this process, whatever that dies of.
 *
 * @param {string} script
 * @param {{ env: Record<string, string>, signal: AbortSignal }} options
 * @returns {Promise<number>} its exit code, 1 when it was killed
 */
export async function runIsolated(script, { env, signal }) {
  const child = spawn(
    'setpriv',
    [
      ...['--pdeathsig', 'KILL', '--'],
      ...['unshare', '--net', '--mount', '--pid', '--fork', '--kill-child=KILL', '--mount-proc'],
      // The first process inherits the orphans of all others: a shell buries them, Node would not.
      ...['--', 'sh', '-c', '"$@"; exit $?', 'sh', process.execPath, script],
    ],
    // A process group of its own: Ctrl-C is for the script that waits here.
    { env: { ...process.env, ...env }, stdio: ['ignore', 'inherit', 'inherit'], detached: true },
  );
  const end = () => child.kill('SIGKILL');
  signal.addEventListener('abort', end);
  try {
    return await new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code) => {
        resolve(code ?? 1);
      });
    });
  } finally {
    signal.removeEventListener('abort', end);
  }
}

/**
 * Called inside, first: a loopback interface that works, and places of the machine that are ours alone.
 *
 * @param {string} state directory
 * @param {Readonly<Record<string, string>>} places of the machine, and what is seen in their stead
 */
export function furnish(state, places) {
  command('ip', ['link', 'set', 'lo', 'up']);
  // Sockets, locks, secrets, and the names of network namespaces.
  command('mount', ['-t', 'tmpfs', 'tmpfs', '/run']);
  mkdirSync(state, { recursive: true });
  for (const [place, own] of Object.entries(places)) command('mount', ['--bind', own, place]);
  for (const setting of KERNEL_SETTINGS.filter((path) => existsSync(path))) {
    const own = join(state, setting.replaceAll('/', '-').slice(1));
    writeFileSync(own, readFileSync(setting));
    command('mount', ['--bind', own, setting]);
  }
  for (const controller of controllers()) {
    const group = join(controller, CONTROL_GROUP);
    mkdirSync(group, { recursive: true });
    for (const [file, all, services] of CPU_WEIGHTS) {
      if (!existsSync(join(group, file))) continue;
      const own = join(group, SERVICES_GROUP);
      mkdirSync(own, { recursive: true });
      writeFileSync(join(group, file), all);
      if (existsSync(join(own, file))) writeFileSync(join(own, file), services);
      // This process, and so all that it starts.
      writeFileSync(join(own, 'cgroup.procs'), '0');
    }
  }
}

/** Removes what a run has left, this one or one that was killed. @param {string} state */
export function clearAway(state) {
  for (const controller of controllers()) removeGroups(join(controller, CONTROL_GROUP));
  // PostgreSQL of a root keeps its data elsewhere.
  removeWithClusters(state);
}

/** Version 1 has a tree for each controller, version 2 one for all. */
function controllers() {
  if (existsSync(join(CONTROL_GROUPS, 'cgroup.controllers'))) return [CONTROL_GROUPS];
  return readdirSync(CONTROL_GROUPS, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => join(CONTROL_GROUPS, name));
}

/** Groups are removed one by one, the inner ones first; the files in them are the kernel's. @param {string} group */
function removeGroups(group) {
  if (!existsSync(group)) return;
  for (const entry of readdirSync(group, { withFileTypes: true }))
    if (entry.isDirectory()) removeGroups(join(group, entry.name));
  try {
    rmdirSync(group);
  } catch {
    // A process in it is still ending: the next run removes it.
  }
}

/** @param {string} name @param {readonly string[]} args @param {string} [input] */
export function command(name, args, input = '') {
  const { status, stdout, stderr, error } = spawnSync(name, args, { input, encoding: 'utf8' });
  if (status !== 0)
    throw new Error(`${name} ${args.slice(0, 6).join(' ')}: ${error?.message ?? stderr.trim().slice(-2000)}`);
  return stdout;
}

// promtool, amtool and their servers: from the PATH, or from Debian's packages unpacked into a cache.
import { execFile } from 'node:child_process';
import { accessSync, constants, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

const execute = promisify(execFile);
const PACKAGES = ['prometheus', 'prometheus-alertmanager'];

/**
 * Unpacked and not installed: nothing of the machine changes and no daemon is started.
 * @returns {Promise<((name: string) => string | null)>} finds the path of a tool
 */
export async function findPrometheusTools() {
  const cache = join(process.env.CAUDAL_TOOLS ?? join(homedir(), '.cache/caudal-tools'), 'prometheus');
  const folders = [...(process.env.PATH ?? '').split(delimiter), join(cache, 'usr/bin')];
  const find = (/** @type {string} */ name) =>
    folders.map((folder) => join(folder, name)).find(isExecutable) ?? null;
  if (find('promtool') === null || find('amtool') === null) {
    mkdirSync(cache, { recursive: true });
    // Where there is no apt, or no network, the caller says in one line what it could not run.
    await execute('apt-get', ['download', ...PACKAGES], { cwd: cache })
      .then(() => execute('sh', ['-c', 'for each in *.deb; do dpkg-deb -x "$each" .; done'], { cwd: cache }))
      .catch(() => undefined);
  }
  return find;
}

function isExecutable(/** @type {string} */ file) {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * @param {string} tool its path
 * @param {string[]} arguments_
 * @returns {Promise<{ isOk: boolean, output: string }>}
 */
export async function runTool(tool, arguments_) {
  try {
    const { stdout, stderr } = await execute(tool, arguments_, { maxBuffer: 16 * 1024 * 1024 });
    return { isOk: true, output: stdout + stderr };
  } catch (error) {
    const { stdout = '', stderr = '' } = /** @type {{ stdout?: string, stderr?: string }} */ (error);
    return { isOk: false, output: stdout + stderr || String(error) };
  }
}

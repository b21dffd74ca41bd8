// @ts-check
import { closeSync, existsSync, openSync, readSync, renameSync, statSync } from 'node:fs';
import { parseJson } from '../services/json-file.mjs';

/** A log is put aside at the start once it is larger than this, so that it never fills the disk unseen. */
const ROTATE_BYTES = 50 << 20;

const POLL_MS = 200;

const NUMBER_OF_LEVEL = /** @type {Record<string, number>} */ ({
  trace: 10,
  debug: 20,
  info: 30,
  warn: 40,
  error: 50,
  fatal: 60,
});

/** Longer lines hold a stack trace or a dump; the log file has them whole. */
const SHOWN_LENGTH = 300;

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
 * @returns {(options: { flush: boolean }) => void} ends it, with or without showing what is left
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
  return ({ flush }) => {
    clearInterval(timer);
    if (flush) poll();
  };
}

/**
 * A log line in short, or null when it is not worth showing.
 *
 * @param {string} line
 * @param {boolean} verbose
 * @returns {string | null}
 */
function describeLine(line, verbose) {
  if (line.trim() === '') return null;
  if (verbose) return line;
  const entry = parseEntry(line);
  // Not a log entry: something wrote to standard error, which a person should see.
  if (entry === null) return line.slice(0, SHOWN_LENGTH);
  const level = typeof entry.level === 'number' ? entry.level : (NUMBER_OF_LEVEL[entry.level] ?? 0);
  if (level < 40) return null;
  const name =
    Object.keys(NUMBER_OF_LEVEL).find((known) => NUMBER_OF_LEVEL[known] === level) ?? String(level);
  const message = (entry.msg ?? '').split('\n')[0] ?? '';
  const cause = entry.err?.message ?? entry.reason ?? entry.code;
  const suffix = cause === undefined || cause === message ? '' : `: ${cause}`;
  return `${name} ${message}${suffix}`.slice(0, SHOWN_LENGTH);
}

/**
 * The end of a log for the message about a process that stopped: its warnings and errors, and what is no
 * log entry, or as it stands when nothing of that kind is there.
 *
 * @param {string} text
 */
export function describeLog(text) {
  const lines = text.split('\n');
  const shown = lines.map((line) => describeLine(line, false)).filter((line) => line !== null);
  return (shown.length > 0 ? shown : lines.map((line) => line.slice(0, SHOWN_LENGTH))).join('\n');
}

/**
 * @typedef {{ level: number | string, msg?: string, err?: { message?: string }, reason?: string, code?: string }} LogEntry
 */

/**
 * @param {string} line
 * @returns {LogEntry | null}
 */
function parseEntry(line) {
  try {
    const entry = /** @type {LogEntry | null} */ (parseJson(line));
    return entry !== null && typeof entry === 'object' && 'level' in entry ? entry : null;
  } catch {
    return null;
  }
}

import { closeSync, fsyncSync, openSync, unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const SYNCS = 200;

/**
 * How many times a second the disk below the database says that a page is safe: without it nobody
 * can tell a durable order from a fast one.
 *
 * @param {string} directory
 * @returns {number}
 */
export function measureSyncsPerSecond(directory) {
  const path = join(directory, 'fsync-probe');
  const file = openSync(path, 'w');
  const page = Buffer.alloc(8_192, 1);
  const startedAt = performance.now();
  for (let i = 0; i < SYNCS; i += 1) {
    writeSync(file, page, 0, page.length, 0);
    fsyncSync(file);
  }
  const seconds = (performance.now() - startedAt) / 1000;
  closeSync(file);
  unlinkSync(path);
  return SYNCS / seconds;
}

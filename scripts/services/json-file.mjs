// @ts-check
import { readFileSync } from 'node:fs';

/**
 * Parses JSON into `unknown`, so that every reader has to say what it expects to find.
 *
 * @param {string} text
 * @returns {unknown}
 */
export function parseJson(text) {
  return JSON.parse(text);
}

/**
 * @param {string} path
 * @returns {unknown}
 */
export function readJsonFile(path) {
  return parseJson(readFileSync(path, 'utf8'));
}

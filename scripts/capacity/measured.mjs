// @ts-check
// The figures that capacity is computed from: deployment/capacity/measured.json, which is read from the tables
// of docs/capacity.md and says of each figure where it stands and what measured it.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readJsonFile } from '../services/json-file.mjs';

const PROJECT = fileURLToPath(new URL('../../', import.meta.url));
const FILE = join(PROJECT, 'deployment/capacity/measured.json');

/**
 * Where a figure stands: in the row of a table that begins with this cell, the cells counted from 1; or in the
 * text between two pieces.
 *
 * @typedef {{ file: string, row: string, cell: number } | { file: string, before: string, after: string }} Place
 * @typedef {{ value: number, unit: string, what: string, by: string, at: Place }} Figure
 * @typedef {keyof typeof NAMES} FigureName
 * @typedef {Record<FigureName, Figure>} Measured
 */

/** Of what the calculation asks; the file has these and no others. */
const NAMES = {
  productListMicros: true,
  productDetailMicros: true,
  refusalMicros: true,
  orderMicros: true,
  refusalStatements: true,
  orderStatements: true,
  ordersPerSecond: true,
  limitDecisionMicros: true,
  limitedRequestsPerSecond: true,
  sessionBytes: true,
  auditEventsPerSecond: true,
  idleRedisCommands: true,
  idleStatements: true,
  startSeconds: true,
};

/** @returns {Measured} */
export function readMeasured() {
  const { figures } = /** @type {{ figures: Measured }} */ (readJsonFile(FILE));
  return figures;
}

/**
 * What stands there today.
 *
 * @param {Place} place
 * @param {string} text of its file
 * @returns {number | null} null when it is not found
 */
export function figureAt(place, text) {
  if ('row' in place) {
    const cells = text
      .split('\n')
      .map((line) => line.split('|').map((cell) => cell.trim()))
      .find(([, first]) => first === place.row);
    return numberIn(cells?.[place.cell]);
  }
  const flat = text.replaceAll(/\s+/g, ' ');
  const start = flat.indexOf(place.before);
  const end = flat.indexOf(place.after, start + place.before.length);
  return start === -1 || end === -1 ? null : numberIn(flat.slice(start + place.before.length, end));
}

function numberIn(/** @type {string | undefined} */ text) {
  const [digits] = /[0-9][0-9,]*(\.[0-9]+)?/.exec(text ?? '') ?? [];
  return digits === undefined ? null : Number(digits.replaceAll(',', ''));
}

/**
 * The names of figures that are missing, unknown, or other than what their documents say.
 *
 * @param {Measured} figures
 * @returns {string[]}
 */
export function outdatedFigures(figures) {
  return Object.keys({ ...NAMES, ...figures }).filter((name) => {
    const figure = /** @type {Partial<Record<string, Figure>>} */ (figures)[name];
    return !(name in NAMES) || figure === undefined || currentValue(figure) !== figure.value;
  });
}

function currentValue(/** @type {Figure} */ { at }) {
  return figureAt(at, readFileSync(join(PROJECT, at.file), 'utf8'));
}

/** Writes what the documents say into the file, and tells what has changed. @returns {string[]} */
export function refreshMeasured() {
  const file = /** @type {{ figures: Measured }} */ (readJsonFile(FILE));
  const changes = Object.entries(file.figures).flatMap(([name, figure]) => {
    const value = currentValue(figure);
    if (value === null) throw new Error(`${name} is not found in ${figure.at.file}`);
    if (value === figure.value) return [];
    const change = `${name}: ${String(figure.value)} is ${String(value)} now`;
    figure.value = value;
    return [change];
  });
  writeFileSync(FILE, `${JSON.stringify(file, null, 2)}\n`);
  return changes;
}

// What a section of the core bench is, how a goal is measured, and how the table is written.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { median } from '../interleaved-rounds.mjs';

const CAPACITY = fileURLToPath(new URL('../../docs/capacity.md', import.meta.url));
const BEGIN = '<!-- bench:core begins -->';
const END = '<!-- bench:core ends -->';

/**
 * A side of a comparison: one round of it, as a number. Rounds of both sides take turns.
 *
 * @typedef {() => Promise<number> | number} Side
 */

/**
 * @typedef {object} Goal
 * @property {string} id as in the list of goals: R2, B1, …
 * @property {string} what the quantity, with its unit: "Redis commands per decision"
 * @property {Side} ours
 * @property {{ name: string, measure: Side }} [peer] none where the goal is a bound by itself
 * @property {{ is: 'ratio' | 'value', at: 'most' | 'least', bound: number }} target of ours / peer, or of ours
 * @property {number} [rounds] where the default is too many: something that takes seconds, or that counts
 */

/**
 * @typedef {object} Section
 * @property {() => Promise<Goal[]>} open
 * @property {() => Promise<void>} close
 */

/**
 * @typedef {object} Row
 * @property {string} id
 * @property {string} what
 * @property {number} ours
 * @property {string | null} peerName
 * @property {number | null} peer
 * @property {number | null} ratio median of the rounds' own ratios
 * @property {Goal['target']} target
 * @property {boolean} isMet
 */

/**
 * @param {Goal} goal
 * @param {number} rounds
 * @returns {Promise<Row>}
 */
export async function measureGoal(goal, rounds) {
  const { id, what, ours, peer, target } = goal;
  /** @type {number[]} */
  const own = [];
  /** @type {number[]} */
  const others = [];
  for (let round = 0; round < (goal.rounds ?? rounds); round += 1) {
    // Every second round begins with the other side.
    if (round % 2 === 0) own.push(await ours());
    if (peer !== undefined) others.push(await peer.measure());
    if (round % 2 === 1) own.push(await ours());
  }
  const ratio = peer === undefined ? null : median(own.map((value, round) => value / (others[round] ?? NaN)));
  const judged = target.is === 'ratio' ? ratio : median(own);
  if (judged === null) throw new Error(`${id}: a ratio needs a peer`);
  return {
    id,
    what,
    ours: median(own),
    peerName: peer?.name ?? null,
    peer: peer === undefined ? null : median(others),
    ratio,
    target,
    isMet: target.at === 'most' ? judged <= target.bound : judged >= target.bound,
  };
}

/**
 * @param {readonly Row[]} rows
 * @returns {string}
 */
export function renderRows(rows) {
  const cells = [
    ['Goal', 'What', 'Ours', 'Peer', 'Theirs', 'Ratio', 'Target', ''],
    ['---', '---', '--:', '---', '--:', '--:', '--:', '---'],
    ...rows.map(({ id, what, ours, peerName, peer, ratio, target, isMet }) => [
      id,
      what,
      format(ours),
      peerName ?? '',
      peer === null ? '' : format(peer),
      ratio === null ? '' : format(ratio),
      `${target.is === 'ratio' ? 'ratio ' : ''}${target.at === 'most' ? '≤' : '≥'} ${format(target.bound)}`,
      isMet ? 'met' : '**missed**',
    ]),
  ];
  return cells.map((row) => `| ${row.join(' | ')} |`).join('\n');
}

/**
 * Rows that this run did not measure stay as they are.
 *
 * @param {readonly Row[]} rows
 */
export function writeTable(rows) {
  const text = readFileSync(CAPACITY, 'utf8');
  const from = text.indexOf(BEGIN);
  const to = text.indexOf(END);
  if (from === -1 || to === -1) throw new Error(`${CAPACITY} has no place for the table`);
  const measured = renderRows(rows).split('\n');
  const ids = new Set(rows.map(({ id }) => id));
  const kept = text
    .slice(from, to)
    .split('\n')
    .filter((line) => line.startsWith('| ') && !ids.has(idOf(line)))
    .slice(2);
  const lines = [...measured.slice(0, 2), ...[...kept, ...measured.slice(2)].sort(byId)];
  writeFileSync(CAPACITY, `${text.slice(0, from)}${BEGIN}\n\n${lines.join('\n')}\n\n${text.slice(to)}`);
}

/** @param {string} line */
function idOf(line) {
  return line.split('|')[1]?.trim() ?? '';
}

/**
 * @param {string} a
 * @param {string} b
 */
function byId(a, b) {
  return idOf(a).localeCompare(idOf(b), 'en', { numeric: true });
}

/** @param {number} value */
function format(value) {
  if (Number.isInteger(value)) return value.toLocaleString('en');
  return value >= 100 ? Math.round(value).toLocaleString('en') : value.toPrecision(3);
}

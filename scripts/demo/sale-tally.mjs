// What happened in the sale so far, as numbers. No clock, no I/O.
import { LatencyHistogram } from '../load/latency-histogram.mjs';

/** Width of one bar of the chart. */
export const SLICE_MS = 100;

/**
 * @typedef {'sold' | 'turnedAway' | 'limited' | 'failed'} Outcome
 * sold: the order was made; turnedAway: 409 because nothing is left; limited: 429; failed: all else.
 */

/**
 * @typedef {object} Slice
 * @property {number} arrived buyers who arrived in this slice
 * @property {number} sold by the time of the answer, as all that follows
 * @property {number} turnedAway
 * @property {number} limited
 * @property {number} failed
 * @property {LatencyHistogram} latency
 */

export class SaleTally {
  arrived = 0;
  sold = 0;
  turnedAway = 0;
  limited = 0;
  failed = 0;
  paid = 0;
  latency = new LatencyHistogram();
  /** @type {Slice[]} */
  slices = [];
  /** @type {Map<string, number>} what was answered instead of an order or a refusal */
  problems = new Map();

  /** @param {number} stock units on sale */
  constructor(stock) {
    this.stock = stock;
  }

  get answered() {
    return this.sold + this.turnedAway + this.limited + this.failed;
  }

  get oversold() {
    return Math.max(0, this.sold - this.stock);
  }

  /** @param {number} atMs after the opening */
  recordArrival(atMs) {
    this.arrived += 1;
    this.#slice(atMs).arrived += 1;
  }

  /**
   * @param {Outcome} outcome
   * @param {{ atMs: number, latencyMs: number }} moment latency counts from the arrival the
   *   schedule planned, so waiting for a free socket is part of it
   */
  recordAnswer(outcome, { atMs, latencyMs }) {
    this[outcome] += 1;
    this.latency.record(latencyMs);
    const slice = this.#slice(atMs);
    slice[outcome] += 1;
    slice.latency.record(latencyMs);
  }

  recordPayment() {
    this.paid += 1;
  }

  /** @param {string} description a status and a code: a small closed set */
  recordProblem(description) {
    this.problems.set(description, (this.problems.get(description) ?? 0) + 1);
  }

  /** @param {number} atMs */
  #slice(atMs) {
    const index = Math.max(0, Math.floor(atMs / SLICE_MS));
    while (this.slices.length <= index) this.slices.push(createSlice());
    return this.slices[index] ?? createSlice();
  }
}

/** @returns {Slice} */
function createSlice() {
  return {
    arrived: 0,
    sold: 0,
    turnedAway: 0,
    limited: 0,
    failed: 0,
    latency: new LatencyHistogram(),
  };
}

/**
 * The verdict on a finished sale. `left` is what the shop says it still has; `sold` is what the
 * buyers were told: the two come from different sides, so a lie on either shows.
 *
 * @param {SaleTally} tally
 * @param {number} left
 * @returns {string[]} what is wrong, empty when all is well
 */
export function findFaults(tally, left) {
  const faults = [];
  if (tally.sold + left !== tally.stock) {
    faults.push(
      `sold ${String(tally.sold)} + left ${String(left)} is not the stock of ${String(tally.stock)}`,
    );
  }
  if (tally.oversold > 0) faults.push(`${String(tally.oversold)} units sold that never existed`);
  if (tally.failed > 0) faults.push(`${String(tally.failed)} buyers got neither an order nor a refusal`);
  if (tally.limited > 0) faults.push(`${String(tally.limited)} buyers were stopped by a rate limit`);
  if (tally.paid < tally.sold) faults.push(`${String(tally.sold - tally.paid)} orders could not be paid`);
  return faults;
}

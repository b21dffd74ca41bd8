// A B A B …: whatever else the machine does during the run, it does to both sides.

/**
 * @template R
 * @typedef {object} Contender
 * @property {() => Promise<R>} measure one round
 */

/**
 * @template {{ perSecond: number }} R
 * @param {number} rounds
 * @param {[Contender<R>, Contender<R>]} contenders measured in turn; every second round begins with the other one
 * @returns {Promise<[R[], R[]]>} the rounds of each
 */
export async function interleave(rounds, [first, second]) {
  /** @type {[R[], R[]]} */
  const results = [[], []];
  for (let round = 0; round < rounds; round += 1) {
    if (round % 2 === 0) {
      results[0].push(await first.measure());
      results[1].push(await second.measure());
    } else {
      results[1].push(await second.measure());
      results[0].push(await first.measure());
    }
  }
  return results;
}

/**
 * @typedef {object} Ratio
 * @property {number} median of the rounds' own ratios
 * @property {number} lowest
 * @property {number} highest
 */

/**
 * Each round is compared with the round beside it, so a slow minute cancels out.
 *
 * @param {readonly number[]} measured one value for each round, more is better
 * @param {readonly number[]} reference as many
 * @returns {Ratio}
 */
export function compareRounds(measured, reference) {
  const ratios = measured.map((value, round) => value / (reference[round] ?? NaN));
  return { median: median(ratios), lowest: Math.min(...ratios), highest: Math.max(...ratios) };
}

/**
 * @param {readonly number[]} values at least one
 * @returns {number}
 */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const upper = sorted[sorted.length >> 1] ?? NaN;
  const lower = sorted[(sorted.length - 1) >> 1] ?? NaN;
  return (upper + lower) / 2;
}

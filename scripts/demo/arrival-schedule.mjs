// When the buyers of a flash sale arrive. The model is open: buyers come when they come, however
// slowly the shop answers, so a slow shop shows as latency and not as fewer buyers.

/**
 * A Poisson process whose rate falls after the doors open: the first tenth of the time brings
 * more than a quarter of the crowd. The same seed gives the same crowd.
 *
 * @param {{ buyers: number, durationMs: number, seed?: number }} sale
 * @returns {number[]} arrival times in ms after the opening, ascending, all below durationMs
 */
export function arrivalSchedule({ buyers, durationMs, seed = 1 }) {
  const random = seededRandom(seed);
  return Array.from({ length: buyers }, () => arrivalTime(random(), durationMs)).sort((a, b) => a - b);
}

/** Share of the crowd that comes in the opening rush; the others come evenly. */
const RUSH_SHARE = 0.4;

/**
 * The rush decays with an eighth of the sale's duration as its time constant: 5,000 buyers in 10 s
 * begin at 1,900 a second. Twice as steep, and a single Node process as the client becomes the
 * queue that the percentiles show.
 */
const RUSH_DECAY = 8;

/**
 * @param {number} u uniform in [0, 1)
 * @param {number} durationMs
 */
function arrivalTime(u, durationMs) {
  if (u >= RUSH_SHARE) return ((u - RUSH_SHARE) / (1 - RUSH_SHARE)) * durationMs;
  // Inverse of the exponential distribution, cut off at the end of the sale.
  const within = (u / RUSH_SHARE) * (1 - Math.exp(-RUSH_DECAY));
  return (-Math.log(1 - within) / RUSH_DECAY) * durationMs;
}

/**
 * mulberry32: 32 bits of state are enough to shuffle a crowd.
 *
 * @param {number} seed
 * @returns {() => number}
 */
function seededRandom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

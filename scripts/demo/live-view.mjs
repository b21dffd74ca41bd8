// The terminal while the sale runs: a small panel redrawn in place, or one line a second when
// nobody is looking at a terminal.
import { describeProgress, formatCount, formatLatency } from './sale-report.mjs';

const REDRAW_MS = 100;
const LINE_EVERY_MS = 1_000;
const BAR_WIDTH = 40;

/**
 * @typedef {object} Scene
 * @property {import('./sale-tally.mjs').SaleTally} tally
 * @property {number} buyers
 * @property {number} durationMs planned length of the sale
 * @property {() => number | null} left what the shop last said
 */

/**
 * @param {NodeJS.WriteStream} stream
 * @param {Scene} scene
 * @returns {{ stop: () => void }} stop draws the last state
 */
export function startLiveView(stream, scene) {
  const startedAt = performance.now();
  const canRedraw = stream.isTTY && process.env.TERM !== 'dumb';
  const show = canRedraw ? createPanel(stream, scene) : createLines(stream, scene);
  const draw = () => {
    show(performance.now() - startedAt);
  };
  const timer = setInterval(draw, canRedraw ? REDRAW_MS : LINE_EVERY_MS);
  draw();
  return {
    stop() {
      clearInterval(timer);
      draw();
    },
  };
}

/**
 * @param {NodeJS.WriteStream} stream
 * @param {Scene} scene
 */
function createLines(stream, { tally, left }) {
  return (/** @type {number} */ elapsedMs) => {
    const seconds = (elapsedMs / 1000).toFixed(1).padStart(5);
    stream.write(`${seconds} s  ${describeProgress(tally, left())}\n`);
  };
}

/**
 * @param {NodeJS.WriteStream} stream
 * @param {Scene} scene
 */
function createPanel(stream, scene) {
  let drawnLines = 0;
  return (/** @type {number} */ elapsedMs) => {
    const lines = renderPanel(scene, elapsedMs, stream.hasColors());
    // Up to where the last panel began, then clear to the end of the screen.
    const rewind = drawnLines > 0 ? `\u001b[${String(drawnLines)}A\u001b[0J` : '';
    stream.write(`${rewind}${lines.join('\n')}\n`);
    drawnLines = lines.length;
  };
}

/**
 * @param {Scene} scene
 * @param {number} elapsedMs
 * @param {boolean} hasColors
 * @returns {string[]}
 */
export function renderPanel({ tally, buyers, durationMs, left }, elapsedMs, hasColors) {
  const paint = (/** @type {string} */ code, /** @type {string} */ text) =>
    hasColors ? `\u001b[${code}m${text}\u001b[0m` : text;
  const { p50, p95, p99 } = tally.latency.summary();
  const remaining = left();
  const number = (/** @type {number | null} */ value) =>
    (value === null ? '–' : formatCount(value)).padStart(7);
  const seconds = Math.min(elapsedMs, durationMs) / 1000;
  return [
    `  time   ${bar(elapsedMs / durationMs)} ${seconds.toFixed(1)} s of ${String(durationMs / 1000)} s`,
    `  stock  ${bar((remaining ?? tally.stock) / tally.stock)} ${number(remaining).trim()} left`,
    '',
    `  arrived ${number(tally.arrived)} of ${formatCount(buyers)}`,
    `  sold    ${paint('32', number(tally.sold))}    turned away ${number(tally.turnedAway)}`,
    `  left    ${number(remaining)}    oversold    ${paint(tally.oversold > 0 ? '31' : '32', number(tally.oversold))}`,
    `  p50 ${formatLatency(p50)}   p95 ${formatLatency(p95)}   p99 ${formatLatency(p99)}`,
  ];
}

/** @param {number} share 0 … 1 */
function bar(share) {
  const filled = Math.round(Math.min(Math.max(share, 0), 1) * BAR_WIDTH);
  return '█'.repeat(filled) + '░'.repeat(BAR_WIDTH - filled);
}

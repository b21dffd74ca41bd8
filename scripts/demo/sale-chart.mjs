// The sale as one SVG picture: what the buyers were told over time above, how long they waited
// for it below. No library: a few rectangles, two lines and their labels.
import { SLICE_MS } from './sale-tally.mjs';
import { formatCount, formatLatency } from './sale-report.mjs';

/** A tag, so that editors know the language and numbers need no conversion. */
const svg = String.raw;

const WIDTH = 960;
const MARGIN = { left: 64, right: 64 };
const ANSWERS = { top: 84, height: 230 };
const LATENCY = { top: 376, height: 130 };
const HEIGHT = 560;
const PLOT_WIDTH = WIDTH - MARGIN.left - MARGIN.right;

const COLOURS = {
  sold: '#1b7f4b',
  turnedAway: '#9db4c8',
  limited: '#d9822b',
  failed: '#c0392b',
  left: '#12344d',
  p95: '#7a3e9d',
  p50: '#b48ccb',
};

/** @type {['sold' | 'turnedAway' | 'limited' | 'failed', string][]} from the bottom up */
const STACK = [
  ['sold', 'sold'],
  ['turnedAway', 'turned away'],
  ['limited', 'rate limited'],
  ['failed', 'failed'],
];

/**
 * @param {import('./sale-tally.mjs').SaleTally} tally
 * @param {{ title: string }} caption
 * @returns {string} a whole SVG document
 */
export function renderSaleChart(tally, { title }) {
  const slices = tally.slices;
  const answeredMax = Math.max(1, ...slices.map(countAnswered));
  const p95Max = Math.max(1, ...slices.map((slice) => slice.latency.percentile(0.95) ?? 0));
  return [
    svg`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="system-ui, sans-serif" font-size="13" fill="#243b4a">`,
    svg`<rect width="${WIDTH}" height="${HEIGHT}" fill="#ffffff"/>`,
    svg`<text x="${MARGIN.left}" y="34" font-size="19" font-weight="600">${escapeText(title)}</text>`,
    legend(),
    frame(ANSWERS, formatCount(answeredMax), svg`answers in ${SLICE_MS} ms`),
    ...slices.map((slice, index) => stackedBar(slice, index, slices.length, answeredMax)),
    stockLine(tally),
    svg`<text x="${WIDTH - MARGIN.right + 8}" y="${ANSWERS.top + 5}" fill="${COLOURS.left}">${formatCount(tally.stock)} left</text>`,
    frame(LATENCY, formatLatency(p95Max), 'from arrival to answer'),
    latencyLine(slices, 0.95, p95Max, COLOURS.p95),
    latencyLine(slices, 0.5, p95Max, COLOURS.p50),
    timeAxis(slices.length),
    '</svg>',
    '',
  ].join('\n');
}

/** @param {import('./sale-tally.mjs').Slice} slice */
function countAnswered(slice) {
  return slice.sold + slice.turnedAway + slice.limited + slice.failed;
}

function legend() {
  const entries = [
    ...STACK.map(([outcome, label]) => [COLOURS[outcome], label]),
    [COLOURS.left, 'units left'],
    [COLOURS.p95, 'p95'],
    [COLOURS.p50, 'p50'],
  ];
  return entries
    .map(([colour, label], i) => {
      const x = MARGIN.left + i * 112;
      return svg`<rect x="${x}" y="50" width="12" height="12" fill="${colour}"/><text x="${x + 18}" y="61">${label}</text>`;
    })
    .join('');
}

/**
 * @param {{ top: number, height: number }} panel
 * @param {string} highest label of the top of the scale
 * @param {string} meaning
 */
function frame({ top, height }, highest, meaning) {
  const bottom = top + height;
  return [
    svg`<path d="M${MARGIN.left} ${top}V${bottom}H${WIDTH - MARGIN.right}" fill="none" stroke="#c9d3db"/>`,
    svg`<text x="${MARGIN.left - 8}" y="${top + 5}" text-anchor="end">${highest}</text>`,
    svg`<text x="${MARGIN.left - 8}" y="${bottom + 4}" text-anchor="end">0</text>`,
    svg`<text x="${MARGIN.left + 8}" y="${top - 4}" fill="#6b7f8c">${meaning}</text>`,
  ].join('');
}

/**
 * @param {import('./sale-tally.mjs').Slice} slice
 * @param {number} index
 * @param {number} sliceCount
 * @param {number} answeredMax
 */
function stackedBar(slice, index, sliceCount, answeredMax) {
  const width = PLOT_WIDTH / sliceCount;
  const x = MARGIN.left + index * width;
  let y = ANSWERS.top + ANSWERS.height;
  return STACK.filter(([outcome]) => slice[outcome] > 0)
    .map(([outcome]) => {
      const height = (slice[outcome] / answeredMax) * ANSWERS.height;
      y -= height;
      return svg`<rect x="${round(x + 0.5)}" y="${round(y)}" width="${round(width - 1)}" height="${round(height)}" fill="${COLOURS[outcome]}"/>`;
    })
    .join('');
}

/** @param {import('./sale-tally.mjs').SaleTally} tally */
function stockLine({ slices, stock }) {
  let left = stock;
  const steps = slices.map((slice, index) => {
    left -= slice.sold;
    const y = ANSWERS.top + ANSWERS.height * (1 - Math.max(0, left) / stock);
    return svg`L${round(sliceEnd(index, slices.length))} ${round(y)}`;
  });
  return svg`<path d="M${MARGIN.left} ${ANSWERS.top}${steps.join('')}" fill="none" stroke="${COLOURS.left}" stroke-width="2"/>`;
}

/**
 * @param {import('./sale-tally.mjs').Slice[]} slices
 * @param {number} share
 * @param {number} highestMs
 * @param {string} colour
 */
function latencyLine(slices, share, highestMs, colour) {
  const points = slices.flatMap((slice, index) => {
    const latencyMs = slice.latency.percentile(share);
    if (latencyMs === null) return [];
    const y = LATENCY.top + LATENCY.height * (1 - latencyMs / highestMs);
    return [svg`${round(sliceEnd(index, slices.length))},${round(y)}`];
  });
  return svg`<polyline points="${points.join(' ')}" fill="none" stroke="${colour}" stroke-width="2"/>`;
}

/** @param {number} sliceCount */
function timeAxis(sliceCount) {
  const y = LATENCY.top + LATENCY.height + 22;
  const totalSeconds = (sliceCount * SLICE_MS) / 1000;
  if (sliceCount === 0) return '';
  const stepSeconds = Math.max(1, Math.ceil(totalSeconds / 12));
  const labels = [];
  for (let second = 0; second <= totalSeconds; second += stepSeconds) {
    const x = MARGIN.left + (second / totalSeconds) * PLOT_WIDTH;
    labels.push(svg`<text x="${round(x)}" y="${y}" text-anchor="middle">${second} s</text>`);
  }
  return labels.join('');
}

/**
 * @param {number} index
 * @param {number} sliceCount
 */
function sliceEnd(index, sliceCount) {
  return MARGIN.left + ((index + 1) / sliceCount) * PLOT_WIDTH;
}

/** @param {number} value */
function round(value) {
  return Math.round(value * 10) / 10;
}

/** @param {string} text */
function escapeText(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

// The result of a run as a Markdown table. Pure.
import { median } from './interleaved-rounds.mjs';

/**
 * @typedef {object} Comparison
 * @property {string} name
 * @property {string} referenceName
 * @property {import('./measured-round.mjs').Round[]} measured
 * @property {import('./measured-round.mjs').Round[]} reference
 * @property {ReturnType<typeof import('./measured-round.mjs').compareServers>} ratios
 * @property {'rates' | 'processor time'} judgedBy the ratio that the target is about; the rates decide
 *   where processor time is not known
 * @property {number | null} target smallest ratio that is good enough; null when none is set
 * @property {{ perAnswer: number, max: number }} [statements] SQL statements for each answer
 */

const COLUMNS = [
  ['', '---'],
  ['answers/s', '--:'],
  ['p99', '--:'],
  ['CPU', '--:'],
  ['reference', '---'],
  ['answers/s', '--:'],
  ['CPU', '--:'],
  ['ratio of rates', '--:'],
  ['ratio of CPU', '--:'],
  ['target', '--:'],
  ['SQL per answer', '--:'],
  ['target', '--:'],
];

/**
 * @param {Comparison[]} comparisons
 * @returns {string} medians over the rounds; the ratio that is judged in bold, lowest to highest behind it
 */
export function renderReport(comparisons) {
  const rows = [
    COLUMNS.map(([title]) => title),
    COLUMNS.map(([, rule]) => rule),
    ...comparisons.map(renderCells),
  ];
  return rows.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/**
 * @param {Comparison[]} comparisons
 * @returns {string[]} one line for each target that was missed
 */
export function findMissedTargets(comparisons) {
  return comparisons.flatMap((comparison) => {
    const { name, target, statements } = comparison;
    const { median: ratio } = judgedRatio(comparison);
    return [
      ...(target !== null && ratio < target
        ? [`${name}: ratio ${ratio.toFixed(2)}, target ${String(target)}`]
        : []),
      ...(statements && statements.perAnswer > statements.max
        ? [`${name}: ${formatStatements(statements.perAnswer)} statements, target ${String(statements.max)}`]
        : []),
    ];
  });
}

/** @param {Comparison} comparison */
function judgedRatio({ ratios, judgedBy }) {
  return judgedBy === 'processor time' ? (ratios.ofProcessorTime ?? ratios.ofRates) : ratios.ofRates;
}

/**
 * @param {Comparison} comparison
 * @returns {string[]}
 */
function renderCells(comparison) {
  const { name, referenceName, measured, reference, ratios, target, statements } = comparison;
  const judged = judgedRatio(comparison);
  return [
    name,
    formatRate(measured),
    `${median(measured.map(({ latencyMs }) => latencyMs.p99 ?? NaN)).toFixed(1)} ms`,
    formatProcessor(measured),
    referenceName,
    formatRate(reference),
    formatProcessor(reference),
    formatRatio(ratios.ofRates, judged),
    ratios.ofProcessorTime ? formatRatio(ratios.ofProcessorTime, judged) : '–',
    target === null ? '' : `≥ ${String(target)}`,
    statements ? formatStatements(statements.perAnswer) : '',
    statements ? `≤ ${String(statements.max)}` : '',
  ];
}

/** @param {{ perSecond: number }[]} rounds */
function formatRate(rounds) {
  return Math.round(median(rounds.map(({ perSecond }) => perSecond))).toLocaleString('en-US');
}

/**
 * Time for each answer, and how much of its core the server used: below 100 % something else was in
 * the way.
 *
 * @param {import('./measured-round.mjs').Round[]} rounds
 */
function formatProcessor(rounds) {
  const micros = median(rounds.map(({ processorMicros }) => processorMicros ?? NaN));
  if (Number.isNaN(micros)) return '–';
  const busy = median(
    rounds.map(({ perSecond, processorMicros }) => (perSecond * (processorMicros ?? 0)) / 1e6),
  );
  return `${micros.toFixed(0)} µs (${(busy * 100).toFixed(0)} %)`;
}

/**
 * @param {import('./interleaved-rounds.mjs').Ratio} ratio
 * @param {import('./interleaved-rounds.mjs').Ratio} judged
 */
function formatRatio(ratio, judged) {
  const middle = ratio.median.toFixed(2);
  const spread = `${ratio.lowest.toFixed(2)}–${ratio.highest.toFixed(2)}`;
  return `${ratio === judged ? `**${middle}**` : middle} (${spread})`;
}

/** @param {number} perAnswer */
function formatStatements(perAnswer) {
  return perAnswer.toPrecision(2);
}

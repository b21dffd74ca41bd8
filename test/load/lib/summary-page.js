// @ts-check
// A summary as one HTML page without scripts or anything to load, and as a few lines of text.
import { inMilliseconds } from './summary.js';

/** @typedef {{ title: string, columns: string[], rows: string[][], note?: string }} Table */

const STYLE = `
  :root { color-scheme: light dark; --line: #8884; --good: #1a7f37; --bad: #cf222e; --bar: #0969da; }
  body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
  h1 { margin-bottom: 0; } h2 { margin: 2rem 0 0.5rem; font-size: 1.1rem; }
  table { border-collapse: collapse; width: 100%; }
  th, td { text-align: left; padding: 0.3rem 0.8rem 0.3rem 0; border-bottom: 1px solid var(--line); }
  code { font-size: 0.9em; }
  .good { color: var(--good); } .bad { color: var(--bad); font-weight: 600; }
  .bar { display: inline-block; height: 0.7rem; background: var(--bar); border-radius: 2px; min-width: 1px; }`;

/**
 * @param {string} title of the scenario
 * @param {import('./summary.js').Summary} summary
 * @param {Table[]} [tables] what only this scenario has to say
 * @returns {string} a whole page
 */
export function renderPage(title, summary, tables = []) {
  const slowest = Math.max(1, ...summary.latencies.map(({ p95 }) => p95));
  const sections = [
    section('Rules', ['', 'Metric', 'Rule', 'Measured'], summary.rules.map(ruleRow)),
    ...tables.map(({ title: heading, columns, rows, note }) =>
      section(heading, columns, rows.map(cells), note),
    ),
    section(
      'Latency by action',
      ['Action', 'Median', 'p95', 'Max', ''],
      summary.latencies.map(({ name, median, p95, max }) => [
        `<code>${escapeHtml(name)}</code>`,
        inMilliseconds(median),
        inMilliseconds(p95),
        inMilliseconds(max),
        `<span class="bar" style="width:${((p95 / slowest) * 12).toFixed(2)}rem"></span>`,
      ]),
    ),
    section('Checks', ['', 'Check', 'Held', 'Failed'], summary.checks.map(checkRow)),
    section(
      'Counted by the scenario',
      ['What', 'Count'],
      summary.counts.map(({ name, count }) => cells([name, String(count)])),
    ),
  ];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}: load test</title>
<style>${STYLE}
</style>
</head>
<body>
<h1>${escapeHtml(title)}</h1>
<p>${verdict(summary.isMet)} ${escapeHtml(describeRun(summary))}</p>
${sections.filter((text) => text !== '').join('\n')}
</body>
</html>
`;
}

/**
 * @param {string} title
 * @param {import('./summary.js').Summary} summary
 * @param {Table[]} [tables]
 * @returns {string} for the terminal
 */
export function renderText(title, summary, tables = []) {
  const failedChecks = summary.checks.filter(({ fails }) => fails > 0);
  const lines = [
    `${title}: ${summary.isMet ? 'every rule was kept' : 'rules were broken'}; ${describeRun(summary)}`,
    ...summary.rules.map(
      ({ metric, rule, measured, isMet }) => `  ${isMet ? '✓' : '✗'} ${metric} ${rule}: ${measured}`,
    ),
    ...failedChecks.map(({ name, fails }) => `  ✗ check "${name}" failed ${fails} times`),
    ...tables.flatMap(({ title: heading, columns, rows, note }) => [
      `  ${heading}${note === undefined ? '' : `: ${note}`}`,
      ...[columns, ...rows].map(
        (row) =>
          `    ${row
            .map((cell) => cell.padEnd(14))
            .join(' ')
            .trimEnd()}`,
      ),
    ]),
    ...summary.counts.map(({ name, count }) => `  ${name}: ${count}`),
  ];
  return `\n${lines.join('\n')}\n`;
}

/** @param {import('./summary.js').Summary} summary */
function describeRun({ durationMs, requests, requestsPerSecond, vusMax }) {
  return `${requests} requests in ${(durationMs / 1_000).toFixed(1)} s, ${requestsPerSecond.toFixed(1)} each second, ${vusMax} virtual users.`;
}

/** @param {{ metric: string, rule: string, measured: string, isMet: boolean }} rule */
function ruleRow({ metric, rule, measured, isMet }) {
  const [mark = '', ...rest] = [isMet ? '✓' : '✗', metric, rule, measured].map(escapeHtml);
  return [
    `<span class="${isMet ? 'good' : 'bad'}">${mark}</span>`,
    ...rest.map((text) => `<code>${text}</code>`),
  ];
}

/** @param {{ name: string, passes: number, fails: number }} check */
function checkRow({ name, passes, fails }) {
  return [
    `<span class="${fails === 0 ? 'good' : 'bad'}">${fails === 0 ? '✓' : '✗'}</span>`,
    ...cells([name, String(passes), String(fails)]),
  ];
}

/** @param {string[]} texts */
function cells(texts) {
  return texts.map(escapeHtml);
}

/**
 * @param {string} heading
 * @param {string[]} columns
 * @param {string[][]} rows of HTML
 * @param {string} [note]
 * @returns {string} '' when there is nothing to show
 */
function section(heading, columns, rows, note) {
  if (rows.length === 0) return '';
  const row = (/** @type {string} */ tag, /** @type {string[]} */ texts) =>
    `<tr>${texts.map((text) => `<${tag}>${text}</${tag}>`).join('')}</tr>`;
  return `<h2>${escapeHtml(heading)}</h2>${note === undefined ? '' : `\n<p>${escapeHtml(note)}</p>`}
<table>
${row('th', columns.map(escapeHtml))}
${rows.map((texts) => row('td', texts)).join('\n')}
</table>`;
}

/** @param {boolean} isMet */
function verdict(isMet) {
  return `<strong class="${isMet ? 'good' : 'bad'}">${isMet ? 'Every rule was kept.' : 'Rules were broken.'}</strong>`;
}

/** @param {string} text */
function escapeHtml(text) {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

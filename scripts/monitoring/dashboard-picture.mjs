// A dashboard as one SVG picture, laid out as in Grafana, from what a Prometheus has answered. No library: frames,
// lines and their labels.

/** A tag, so that editors know the language and numbers need no conversion. */
const svg = String.raw;

/** @typedef {import('./dashboard-questions.mjs').AnsweredPanel} AnsweredPanel */
/** @typedef {{ x: number, y: number, width: number, height: number }} Box */

/** Of Grafana's grid: 24 columns, rows of 30 pixels. */
const [COLUMN, ROW, HEAD] = [50, 30, 56];
const WIDTH = 24 * COLUMN;
const INK = { text: '#1f2933', faint: '#7b8794', frame: '#d5dbe1', back: '#ffffff', band: '#eef1f4' };
const COLOURS = ['#1b7f4b', '#c0392b', '#2f6fb0', '#d9822b', '#7a3e9d', '#12807c', '#8a6d3b', '#d1498b'];
const LEGENDS_MAX = 4;
const ROWS_MAX = 10;

/**
 * @param {string} title
 * @param {AnsweredPanel[]} panels
 * @param {{ fromMs: number, toMs: number }} range
 * @param {string} load what went on meanwhile
 * @returns {string} a whole SVG document
 */
export function renderPicture(title, panels, { fromMs, toMs }, load) {
  const height = HEAD + ROW * Math.max(0, ...panels.map(({ gridPos: { y, h } }) => y + h)) + 8;
  const seconds = Math.round((toMs - fromMs) / 1000);
  const caption = `${String(seconds)} s of ${load} against two processes, as Prometheus has answered the queries of the panels`;
  return [
    svg`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="system-ui, sans-serif" font-size="11" fill="${INK.text}">`,
    svg`<rect width="${WIDTH}" height="${height}" fill="${INK.back}"/>`,
    svg`<text x="12" y="24" font-size="18" font-weight="600">${escapeText(title)}</text>`,
    svg`<text x="12" y="43" fill="${INK.faint}">${escapeText(caption)}</text>`,
    ...panels.map((panel) => renderPanel(panel, fromMs / 1000, toMs / 1000)),
    '</svg>',
    '',
  ].join('\n');
}

/**
 * @param {AnsweredPanel} panel
 * @param {number} from
 * @param {number} to
 */
function renderPanel(panel, from, to) {
  const { type, title, gridPos } = panel;
  const box = {
    x: gridPos.x * COLUMN + 4,
    y: HEAD + gridPos.y * ROW + 4,
    width: gridPos.w * COLUMN - 8,
    height: gridPos.h * ROW - 8,
  };
  if (type === 'row')
    return svg`<rect x="4" y="${box.y}" width="${WIDTH - 8}" height="${box.height}" fill="${INK.band}"/><text x="12" y="${box.y + 16}" font-weight="600">${escapeText(title)}</text>`;
  return [
    svg`<rect x="${box.x}" y="${box.y}" width="${box.width}" height="${box.height}" rx="3" fill="none" stroke="${INK.frame}"/>`,
    svg`<text x="${box.x + 8}" y="${box.y + 17}" font-size="12" font-weight="600">${escapeText(title)}</text>`,
    contentOf(panel, box, from, to),
  ].join('');
}

/**
 * @param {AnsweredPanel} panel
 * @param {Box} box
 * @param {number} from
 * @param {number} to
 */
function contentOf(panel, box, from, to) {
  const { type, lines, missing } = panel;
  if (lines.every(({ values }) => values.length === 0)) {
    const why = missing.length === 0 ? 'no data' : `needs ${missing.join(', ')}`;
    return svg`<text x="${box.x + box.width / 2}" y="${box.y + box.height / 2 + 8}" text-anchor="middle" fill="${INK.faint}">${escapeText(why)}</text>`;
  }
  switch (type) {
    case 'stat':
      return bigNumber(panel, box);
    case 'table':
      return listing(panel, box);
    default:
      return graph(panel, box, from, to);
  }
}

/** @param {AnsweredPanel} panel @param {Box} box */
function bigNumber({ lines, unit }, box) {
  const value = lines[0]?.values.at(-1)?.[1] ?? Number.NaN;
  return svg`<text x="${box.x + box.width / 2}" y="${box.y + box.height / 2 + 22}" text-anchor="middle" font-size="30" fill="${COLOURS[0]}">${formatValue(value, unit)}</text>`;
}

/** @param {AnsweredPanel} panel @param {Box} box */
function listing({ lines, unit }, box) {
  const shown = lines.slice(0, ROWS_MAX);
  const rest = lines.length - shown.length;
  const rows = shown.map(
    ({ legend, values }) => `${legend}: ${formatValue(values.at(-1)?.[1] ?? Number.NaN, unit)}`,
  );
  if (rest > 0) rows.push(`and ${String(rest)} more`);
  return rows
    .map(
      (row, index) => svg`<text x="${box.x + 12}" y="${box.y + 38 + index * 17}">${escapeText(row)}</text>`,
    )
    .join('');
}

/**
 * @param {AnsweredPanel} panel
 * @param {Box} box
 * @param {number} from
 * @param {number} to
 */
function graph({ lines, unit }, box, from, to) {
  const drawn = lines
    .map((line) => ({ ...line, values: line.values.filter(([, value]) => Number.isFinite(value)) }))
    .toSorted((one, other) => highestOf(other) - highestOf(one));
  const highest = Math.max(...drawn.map(highestOf), 0) || 1;
  const named = drawn.slice(0, LEGENDS_MAX);
  const plot = {
    left: box.x + 52,
    right: box.x + box.width - 10,
    top: box.y + 30,
    bottom: box.y + box.height - 24 - 14 * Math.ceil(named.length / 2),
  };
  const x = (/** @type {number} */ seconds) =>
    round(plot.left + ((seconds - from) / (to - from)) * (plot.right - plot.left));
  const y = (/** @type {number} */ value) =>
    round(plot.bottom - (Math.max(0, value) / highest) * (plot.bottom - plot.top));
  const colour = (/** @type {number} */ index) => COLOURS[index % COLOURS.length] ?? INK.text;
  return [
    svg`<path d="M${plot.left} ${plot.top}V${plot.bottom}H${plot.right}" fill="none" stroke="${INK.frame}"/>`,
    svg`<text x="${plot.left - 5}" y="${plot.top + 4}" text-anchor="end" fill="${INK.faint}">${formatValue(highest, unit)}</text>`,
    svg`<text x="${plot.left - 5}" y="${plot.bottom + 4}" text-anchor="end" fill="${INK.faint}">0</text>`,
    svg`<text x="${plot.right}" y="${plot.bottom + 13}" text-anchor="end" fill="${INK.faint}">${Math.round(to - from)} s</text>`,
    ...drawn.map(({ values }, index) =>
      values.length === 1
        ? svg`<circle cx="${x(values[0]?.[0] ?? from)}" cy="${y(values[0]?.[1] ?? 0)}" r="2" fill="${colour(index)}"/>`
        : svg`<polyline points="${values.map(([at, value]) => `${String(x(at))},${String(y(value))}`).join(' ')}" fill="none" stroke="${colour(index)}" stroke-width="1.5"/>`,
    ),
    ...named.map(({ legend, values }, index) => {
      const left = box.x + 10 + (index % 2) * ((box.width - 16) / 2);
      const top = plot.bottom + 24 + Math.floor(index / 2) * 14;
      const more =
        index === LEGENDS_MAX - 1 && drawn.length > LEGENDS_MAX
          ? ` (+${String(drawn.length - LEGENDS_MAX)})`
          : '';
      const last = formatValue(values.at(-1)?.[1] ?? Number.NaN, unit);
      return svg`<rect x="${left}" y="${top - 8}" width="9" height="9" fill="${colour(index)}"/><text x="${left + 13}" y="${top}">${escapeText(cut(`${legend} ${last}`, (box.width / 2 - 40) / 5.6) + more)}</text>`;
    }),
  ].join('');
}

/** @param {{ values: [number, number][] }} line */
function highestOf({ values }) {
  return Math.max(0, ...values.map(([, value]) => value));
}

/**
 * @param {number} value
 * @param {string} unit of Grafana
 * @returns {string}
 */
export function formatValue(value, unit) {
  if (!Number.isFinite(value)) return '-';
  switch (unit) {
    case 's':
      return value !== 0 && Math.abs(value) < 1 ? `${short(value * 1000)} ms` : `${short(value)} s`;
    case 'percentunit':
      return `${short(value * 100)} %`;
    case 'bytes':
      return value >= 1e6 ? `${short(value / 1e6)} MB` : `${short(value / 1e3)} kB`;
    case 'reqps':
    case 'ops':
    case 'cps':
      return `${short(value)}/s`;
    default:
      return short(value);
  }
}

/** Three digits are enough for a picture. */
function short(/** @type {number} */ value) {
  return Math.abs(value) >= 1000
    ? Math.round(value).toLocaleString('en')
    : String(Number(value.toPrecision(3)));
}

function cut(/** @type {string} */ text, /** @type {number} */ length) {
  return text.length <= length ? text : `${text.slice(0, Math.max(1, Math.floor(length) - 1))}…`;
}

function round(/** @type {number} */ value) {
  return Math.round(value * 10) / 10;
}

function escapeText(/** @type {string} */ text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

// Which metrics a PromQL expression names. Not a parser: promtool is one, this needs no tool.

const WORDS = new Set(['and', 'or', 'unless', 'bool', 'offset', 'inf', 'nan', 'start', 'end', 'atan2']);
const GROUPING = /\b(by|without|on|ignoring|group_left|group_right)\s*\([^()]*\)/gi;

/**
 * @param {string} expression
 * @returns {string[]} without repetition, in the order of their appearance
 */
export function metricNamesOf(expression) {
  const bare = expression
    .replaceAll(/"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'/g, '""')
    .replaceAll(/\{[^{}]*\}/g, ' ')
    .replaceAll(/\[[^[\]]*\]/g, ' ')
    .replaceAll(GROUPING, ' ')
    .replaceAll(/\b(group_left|group_right)\b/gi, ' ')
    // Durations such as 5m, and numbers with an exponent.
    .replaceAll(/\b\d+(\.\d+)?([eE][+-]?\d+|[a-z]+)?\b/g, ' ');
  const names = [...bare.matchAll(/[A-Za-z_:][\w:]*(?!\w*\s*\()/g)]
    .filter(({ 0: name, index }) => !/^\w*\s*\(/.test(bare.slice(index + name.length)))
    .map(([name]) => name);
  return [...new Set(names.filter((name) => !WORDS.has(name.toLowerCase())))];
}

/** The metric that a series belongs to: a histogram is listed under its own name. */
export function familiesOf(/** @type {string} */ name) {
  return [name, name.replace(/_(bucket|sum|count)$/, '')];
}

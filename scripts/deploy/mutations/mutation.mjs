// @ts-check
// One fault each, of the kind that people make: the rule that has to find it (of alerts: the alert whose tests have to),
// what it is, the file, and the text that is replaced.

/** @typedef {readonly [rule: string, what: string, file: string, from: string | RegExp, to: string]} Mutation */

/**
 * @param {string} text
 * @param {Mutation} mutation
 * @returns {string} never the same as before
 */
export function mutated(text, [, , file, from, to]) {
  // By a function: a "$" in the replacement means itself.
  const result = typeof from === 'string' ? text.replace(from, () => to) : text.replace(from, to);
  if (result === text) throw new Error(`"${String(from)}" is not in ${file}`);
  return result;
}

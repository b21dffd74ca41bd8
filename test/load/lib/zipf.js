// @ts-check
// No import: this file runs in k6 and in the unit tests.

/**
 * Picks an index the way a crowd picks products: the k-th most popular one with a probability in
 * proportion to 1 / k^exponent (Zipf's law; shops see exponents near 1).
 *
 * @param {number} count how many there are, at least 1
 * @param {{ exponent?: number, random?: () => number }} [options] random answers in [0, 1)
 * @returns {() => number} 0 … count - 1, 0 being the favourite
 */
export function createZipfPicker(count, { exponent = 1, random = Math.random } = {}) {
  /** @type {number[]} */
  const cumulative = [];
  let total = 0;
  for (let rank = 1; rank <= count; rank += 1) {
    total += rank ** -exponent;
    cumulative.push(total);
  }
  return () => firstAbove(cumulative, random() * total);
}

/**
 * @param {number[]} ascending
 * @param {number} value below the last element
 * @returns {number} index of the first element greater than the value
 */
function firstAbove(ascending, value) {
  let low = 0;
  let high = ascending.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ascending[middle] ?? 0) > value) high = middle;
    else low = middle + 1;
  }
  return low;
}

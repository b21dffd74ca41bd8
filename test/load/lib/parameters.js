// @ts-check
/* global __ENV */
// The environment of a scenario. A wrong value stops k6 in its init phase, before any request.

/**
 * @param {string} name
 * @param {number} defaultValue
 * @returns {number}
 */
export function numberParameter(name, defaultValue) {
  const text = __ENV[name];
  if (text === undefined || text === '') return defaultValue;
  const value = Number(text);
  if (Number.isFinite(value) && value >= 0) return value;
  throw new Error(`${name} must be a number that is not negative, not "${text}"`);
}

/**
 * @param {string} name
 * @param {string} defaultValue
 * @returns {string}
 */
export function textParameter(name, defaultValue) {
  return __ENV[name] || defaultValue;
}

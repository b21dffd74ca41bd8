// Counters of the measured server, read from its management port before and after a round.

/**
 * @param {number} managementPort
 * @param {string} name
 * @returns {Promise<number>} the sum over all label sets
 */
export async function readCounter(managementPort, name) {
  const response = await fetch(`http://127.0.0.1:${String(managementPort)}/metrics`, {
    signal: AbortSignal.timeout(10_000),
  });
  return sumOfCounter(await response.text(), name);
}

/**
 * @param {string} exposition Prometheus text format
 * @param {string} name
 * @returns {number} 0 when the counter is not there
 */
export function sumOfCounter(exposition, name) {
  return exposition
    .split('\n')
    .filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}

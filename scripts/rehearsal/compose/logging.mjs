// @ts-check
import { randomUUID } from 'node:crypto';
import { URLSearchParams } from 'node:url';
import { documentedQueries } from '../../log-queries.mjs';
import { parseJson } from '../../services/json-file.mjs';
import { until } from '../cache.mjs';
import { UP } from '../compose-project.mjs';

const ARRIVAL_DEADLINE_MS = 90_000;
/** How the documentation's examples call the containers of an installation. */
const DOCUMENTED_NAME = 'caudal-';

/** @typedef {{ status: string, data: { result: { stream?: Record<string, string>, values: [string, string][] }[] } }} Answer */

/**
 * With compose.logging.yml the lines of every container are in Loki, each once, with their level and the ids by which they
 * are looked for; also those that were written while Loki, and then the collector, was away. Every query of
 * docs/operations.md is one.
 *
 * @param {import('./stage.mjs').Stage} stage
 */
export async function rehearseLogging({ rehearsal: { goal, say, signal }, project, client, shop }) {
  /** @param {string} query @returns {Promise<Answer>} */
  const ask = async (query) => {
    const url = new URL('http://loki:3100/loki/api/v1/query_range');
    url.search = new URLSearchParams({ query, since: '1h', limit: '1000' }).toString();
    return /** @type {Answer} */ (parseJson(await project.askInside(url.href)));
  };
  /** Whose lines there are with a request's id, one name for each. @param {string} requestId */
  const writersOf = async (requestId) => {
    const { data } = await ask(`{service_namespace="caudal"} | requestId="${requestId}"`);
    return data.result
      .flatMap(({ stream, values }) => values.map(() => stream?.['container_name'] ?? 'nobody'))
      .map((name) => name.replace(`${project.name}-`, '').replace(/-1$/, ''))
      .sort();
  };
  /** An order is in the access log of gateway and application. @param {string} requestId @param {string} when */
  const expectLines = async (requestId, when) => {
    /** @type {string[]} */
    let writers = [];
    const arrived = async () => {
      signal.throwIfAborted();
      writers = await writersOf(requestId);
      return writers.includes('nginx') && writers.some((name) => name.startsWith('app-'));
    };
    const isThere = await until('its lines', ARRIVAL_DEADLINE_MS, arrived, 1_000).catch(() => false);
    const gateways = writers.filter((name) => name === 'nginx').length;
    goal(isThere && gateways === 1, `the lines of an order ${when}: ${writers.join(', ') || 'none'}`);
  };
  const order = async () => {
    const requestId = randomUUID();
    await client.placeOrder(shop, undefined, { 'x-request-id': requestId });
    return requestId;
  };

  await expectLines(await order(), 'are in Loki');
  const { data } = await ask('{service_namespace="caudal"} | detected_level="debug" | traceId=""');
  const debug = data.result.reduce((sum, { values }) => sum + values.length, 0);
  goal(debug > 0, `lines of level debug: ${String(debug)}`);

  await project.compose('stop', 'loki');
  say('Loki stopped');
  const whileAway = await order();
  await project.compose('restart', 'collector');
  say('collector restarted');
  const afterRestart = await order();
  await project.compose(...UP, '--no-deps', 'loki');
  say('Loki up again');
  await expectLines(whileAway, 'while Loki was away');
  await expectLines(afterRestart, 'while the collector started without Loki');

  const queries = documentedQueries();
  for (const query of queries) {
    const own = query.replaceAll(DOCUMENTED_NAME, `${project.name}-`);
    const status = await ask(own).then(
      (answer) => answer.status,
      (/** @type {unknown} */ error) => String(error).split('\n').at(-1) ?? 'no answer',
    );
    goal(status === 'success', `${query}: ${status}`);
  }
}

// @ts-check
import { randomBytes } from 'node:crypto';
import { parseJson } from '../../services/json-file.mjs';
import { until } from '../cache.mjs';
import { codeOf } from '../shop-client.mjs';

/** Processes send every second. */
const ARRIVAL_DEADLINE_MS = 60_000;
/** Of one order: the request, what it asks of Redis and PostgreSQL, and what the worker makes of its event. */
const EXPECTED = ['POST /api/v1/orders', 'evalsha', 'COMMIT', 'process events'];

/** @typedef {{ operationName: string, processID: string }} Span */
/** @typedef {{ data: { spans: Span[], processes: Record<string, { serviceName: string }> }[] }} Traces */

/**
 * With compose.tracing.yml an order's trace is in Jaeger, from the gateway's client to the worker.
 *
 * @param {import('./stage.mjs').Stage} stage
 */
export async function rehearseTracing({ rehearsal: { goal, signal }, project, client, shop }) {
  const traceId = randomBytes(16).toString('hex');
  const traceparent = `00-${traceId}-${randomBytes(8).toString('hex')}-01`;
  const answer = await client.placeOrder(shop, undefined, { traceparent });
  goal(answer.status === 201, `an order that is traced: ${String(answer.status)} ${codeOf(answer)}`.trim());
  /** @type {string[]} */
  let seen = [];
  const isComplete = async () => {
    signal.throwIfAborted();
    const text = await project.askInside(`http://jaeger:16686/api/traces/${traceId}`);
    const { data } = /** @type {Traces} */ (parseJson(text));
    seen = data.flatMap(({ spans }) => spans.map(({ operationName }) => operationName));
    return EXPECTED.every((name) => seen.some((each) => each.includes(name)));
  };
  const isFound = await until('the whole trace', ARRIVAL_DEADLINE_MS, isComplete, 1_000).catch(() => false);
  const names = [...new Set(seen)].sort().join(', ');
  goal(isFound, `its trace in Jaeger has ${String(seen.length)} spans: ${names}`);
}

import { GatewayUnderTest } from '../support/gateway/gateway-under-test.js';
import { ADDRESS } from '../support/shop.builder.js';
import type { CollectedSpan } from '../support/trace-collector.js';
import { newTrace, TracingUnderTest } from '../support/tracing-under-test.js';
import { waitFor } from '../support/wait-for.js';

const DEADLINE_MS = 180_000;
/** The relay and the exporter need moments, and longer where ten others have the cores. */
const WAIT_MS = 60_000;
const [SERVER, CLIENT, CONSUMER] = [2, 3, 5];
const IDENTITY = 'conf.d/request-identity.conf';

describe('one trace', () => {
  let under: TracingUnderTest;
  let gateway: GatewayUnderTest;

  beforeAll(async () => {
    under = await TracingUnderTest.start();
    // The application begins no trace that is recorded: the gateway and its clients say which are.
    const application = await under.startTraced('0', { TRUST_PROXY_HOPS: '1' });
    gateway = await GatewayUnderTest.start({
      upstreams: [`127.0.0.1:${String(application.port)}`],
      // Every trace that begins here, instead of the shipped share.
      changes: [
        [IDENTITY, '    10% 01;\n', ''],
        [IDENTITY, '*   00;', '*   01;'],
      ],
    });
  }, DEADLINE_MS);

  afterAll(async () => {
    await gateway.stop();
    await under.stopProcesses();
    await under.close();
  });

  const order = async (headers: Record<string, string> = {}) => {
    const requestId = crypto.randomUUID();
    const answer = await gateway.client.send('/api/v1/rest/orders', {
      method: 'POST',
      headers: {
        authorization: `Bearer ${under.buyer.token}`,
        'idempotency-key': requestId,
        'x-request-id': requestId,
        ...headers,
      },
      body: under.orderOf(under.variantId),
    });
    expect(answer.status).toBe(201);
    return { requestId, line: await gateway.lineOf(requestId) };
  };
  const find = (traceId: string, fits: (span: CollectedSpan) => boolean) =>
    under.collector.ofTrace(traceId).filter(fits);

  it(
    'shows the gateway, the request, Redis, PostgreSQL and the consumer of the queue',
    async () => {
      const { requestId, line } = await order();
      expect(line).toMatchObject({
        traceId: expect.stringMatching(/^[0-9a-f]{32}$/) as unknown,
        sampled: 'yes',
      });
      const { traceId } = line;
      await waitFor('the consumer', () => find(traceId, ({ kind }) => kind === CONSUMER).length > 0, WAIT_MS);
      await waitFor('the request', () => find(traceId, ({ kind }) => kind === SERVER).length > 0, WAIT_MS);

      const [server, ...others] = find(traceId, ({ kind }) => kind === SERVER);
      expect(others).toEqual([]);
      expect(server).toMatchObject({
        name: 'POST /api/v1/orders',
        // What the gateway has logged of itself.
        parentSpanId: line.parentId,
        attributes: { 'caudal.request_id': requestId, 'http.response.status_code': 201 },
      });
      for (const system of ['redis', 'postgresql'])
        expect(
          find(
            traceId,
            ({ kind, parentSpanId, attributes }) =>
              kind === CLIENT && parentSpanId === server?.spanId && attributes['db.system.name'] === system,
          ),
        ).not.toEqual([]);
      expect(find(traceId, ({ kind }) => kind === CONSUMER)[0]).toMatchObject({
        name: 'process events',
        parentSpanId: server?.spanId,
      });
      expect(JSON.stringify(under.collector.ofTrace(traceId))).not.toContain(ADDRESS.line1);
    },
    DEADLINE_MS,
  );

  it(
    'is that of the client where the client has one, and recorded if it says so',
    async () => {
      const [recorded, silent] = [newTrace(), newTrace()];
      const quiet = await order({ traceparent: silent.traceparent('00') });
      expect(quiet.line).toMatchObject({ traceId: silent.traceId, parentId: silent.spanId, sampled: 'no' });
      const told = await order({ traceparent: recorded.traceparent('01') });
      expect(told.line).toMatchObject({
        traceId: recorded.traceId,
        parentId: recorded.spanId,
        sampled: 'yes',
      });
      await waitFor(
        'the request',
        () => find(recorded.traceId, ({ kind }) => kind === SERVER).length > 0,
        WAIT_MS,
      );
      expect(find(recorded.traceId, ({ kind }) => kind === SERVER)[0]?.parentSpanId).toBe(recorded.spanId);
      expect(under.collector.ofTrace(silent.traceId)).toEqual([]);
    },
    DEADLINE_MS,
  );
});

import { findFreePort } from '../../scripts/services/ports.mjs';
import type { AppProcess } from '../support/app-process.js';
import { ADDRESS } from '../support/shop.builder.js';
import type { TraceCollector } from '../support/trace-collector.js';
import { newTrace, TracingUnderTest } from '../support/tracing-under-test.js';
import { waitFor } from '../support/wait-for.js';

const [SERVER, CLIENT, ERROR] = [2, 3, 2];
const SDK = 'LOADED @opentelemetry/sdk-trace-base';

/** Makes a process say which parts of OpenTelemetry it loads. */
const TELLS_WHAT_IT_LOADS = `--import=data:text/javascript,${encodeURIComponent(
  `import { registerHooks } from 'node:module';
   registerHooks({ resolve(name, context, next) {
     if (name.startsWith('@opentelemetry/')) console.log('LOADED ' + name);
     return next(name, context);
   } });`,
)}`;

describe('traces', () => {
  let under: TracingUnderTest;
  let collector: TraceCollector;

  beforeAll(async () => {
    under = await TracingUnderTest.start();
    ({ collector } = under);
  });
  afterEach(() => under.stopProcesses());
  afterAll(() => under.close());

  const start = (env: Record<string, string>): Promise<AppProcess> =>
    under.startProcess({ NODE_OPTIONS: TELLS_WHAT_IT_LOADS, ...env });
  const order = (...args: Parameters<TracingUnderTest['order']>) => under.order(...args);

  it('lead from the caller over the request to Redis and PostgreSQL', async () => {
    const application = await start({
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_EXPORTER_OTLP_HEADERS: 'x-tenant=a%20shop',
      // The caller decides, whatever the share of our own.
      OTEL_TRACES_SAMPLER_ARG: '0',
    });
    const { traceId, spanId, traceparent } = newTrace();
    const answer = await order(application, traceparent('01'));
    expect(answer.status).toBe(201);

    await waitFor('the spans', () => collector.ofTrace(traceId).some(({ kind }) => kind === SERVER));
    const spans = collector.ofTrace(traceId);
    const server = spans.find(({ kind }) => kind === SERVER);
    expect(server).toMatchObject({
      name: 'POST /api/v1/orders',
      parentSpanId: spanId,
      attributes: {
        'http.route': '/api/v1/orders',
        'http.response.status_code': 201,
        'caudal.request_id': answer.requestId,
      },
    });
    const below = (system: string) =>
      spans.filter(
        ({ kind, parentSpanId, attributes }) =>
          kind === CLIENT && parentSpanId === server?.spanId && attributes['db.system.name'] === system,
      );
    expect(below('redis').length).toBeGreaterThan(0);
    expect(below('postgresql').map(({ name }) => name)).toEqual(expect.arrayContaining(['BEGIN', 'COMMIT']));
    expect(JSON.stringify(spans)).not.toContain(ADDRESS.line1);
    expect(collector.posts.at(-1)).toMatchObject({ 'x-tenant': 'a shop' });
    expect(application.log).toContain(SDK);
    await waitFor('the log line', () => application.log.includes(`"traceId":"${traceId}"`));
  });

  it('name refusals, and stop where the caller does not record', async () => {
    const application = await start({
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_TRACES_SAMPLER_ARG: '1',
    });
    const [recorded, silent] = [newTrace(), newTrace()];
    const unwanted = await order(application, silent.traceparent('00'), {});
    expect(unwanted.body).toMatchObject({ code: 'VALIDATION_FAILED', traceId: silent.traceId });
    const refused = await order(application, recorded.traceparent('01'), {});
    expect(refused.body).toMatchObject({ code: 'VALIDATION_FAILED', traceId: recorded.traceId });
    // A trace of our own has an id as well, and no parent.
    const own = await order(application, undefined, {});
    const ownId = String(own.body['traceId']);
    expect(ownId).toMatch(/^[0-9a-f]{32}$/);

    await waitFor('the spans', () => collector.ofTrace(ownId).length > 0);
    expect(collector.ofTrace(ownId)[0]?.parentSpanId ?? '').toBe('');
    expect(collector.ofTrace(recorded.traceId)).toHaveLength(1);
    expect(collector.ofTrace(silent.traceId)).toEqual([]);
  });

  it('of the last requests are sent before the process ends', async () => {
    const application = await start({
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_TRACES_SAMPLER_ARG: '1',
    });
    const { traceId, traceparent } = newTrace();
    await order(application, traceparent('01'));
    expect(await application.stop()).toBe(0);
    expect(collector.ofTrace(traceId).some(({ kind }) => kind === SERVER)).toBe(true);
  });

  it('that nobody collects are counted, and cost no request and no orderly end', async () => {
    const application = await start({
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${String(await findFreePort())}`,
      OTEL_TRACES_SAMPLER_ARG: '1',
    });
    expect((await order(application)).status).toBe(201);
    await waitFor(
      'spans to be dropped',
      async () => (await application.metric('tracing_spans_dropped_total{reason="export-failed"}')) > 0,
    );
    expect((await order(application)).status).toBe(201);
    expect(await application.metric('tracing_spans_exported_total')).toBe(0);
    expect(await application.stop()).toBe(0);
  });

  it('mark the work that failed', async () => {
    const application = await start({
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_TRACES_SAMPLER_ARG: '1',
      ORDER_QUEUE_MAX: '1',
    });
    const { traceId, status } = await under.shop.withStockHeld(under.variantId, async (letGo) => {
      const orders = Array.from({ length: 20 }, async () => {
        const { traceId, traceparent } = newTrace();
        return { traceId, ...(await order(application, traceparent('01'))) };
      });
      // As long as the stock is held, only one that is refused is answered.
      const refused = await Promise.race(orders);
      await letGo();
      await Promise.all(orders);
      return refused;
    });
    expect(status).toBe(503);
    await waitFor('the spans', () => collector.ofTrace(traceId).some(({ kind }) => kind === SERVER));
    expect(collector.ofTrace(traceId).find(({ kind }) => kind === SERVER)?.status.code).toBe(ERROR);
  });

  it.each([
    ['no collector is configured', {}],
    ['the feature is off', { FEATURE_TRACING: 'false', configured: 'true' }],
  ] as const)('do not exist when %s: no span, no part of OpenTelemetry', async (_, settings) => {
    const { configured, ...env } = { configured: 'false', ...settings };
    const before = collector.posts.length;
    const application = await start({
      ...env,
      ...(configured === 'true' ? { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url } : {}),
      OTEL_TRACES_SAMPLER_ARG: '1',
    });
    const { traceId, traceparent } = newTrace();
    expect((await order(application, traceparent('01'))).status).toBe(201);
    // The caller's trace is named all the same.
    expect((await order(application, traceparent('01'), {})).body).toMatchObject({ traceId });
    expect(await application.stop()).toBe(0);
    expect(application.log).not.toContain('LOADED @opentelemetry/sdk');
    expect(application.log).not.toContain('LOADED @opentelemetry/otlp');
    expect(collector.posts).toHaveLength(before);
    expect(collector.ofTrace(traceId)).toEqual([]);
  });
});

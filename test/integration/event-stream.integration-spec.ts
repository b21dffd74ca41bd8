import { loadConfig } from '../../src/config/index.js';
import { EventStream } from '../../src/core/events/index.js';
import type { Logger } from '../../src/infrastructure/logging/index.js';
import { redisKeys } from '../../src/infrastructure/redis/index.js';
import { activeTracing, startTracing } from '../../src/infrastructure/tracing/index.js';
import { testEnvironment } from '../support/app-harness.js';
import { RedisUnderTest } from '../support/redis-under-test.js';
import { startTestServices, type TestServices } from '../support/services/index.js';
import { TraceCollector } from '../support/trace-collector.js';
import { newTrace } from '../support/tracing-under-test.js';
import { waitFor } from '../support/wait-for.js';

const ERROR = 2;
const EVENT = { type: 'thing.done.v1', aggregateId: 'a', payload: '{}', position: '7' };

describe('the stream of events', () => {
  let services: TestServices;
  let collector: TraceCollector;
  let redis: RedisUnderTest;
  let stream: EventStream;
  /** Trace in which a failure was logged. */
  const logged: (string | null)[] = [];

  beforeAll(async () => {
    services = await startTestServices();
    collector = await TraceCollector.start();
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_TRACES_SAMPLER_ARG: '1' };
    await startTracing(loadConfig(testEnvironment(services, env)));
    redis = await RedisUnderTest.start(services.redis.url);
    const ignore = () => undefined;
    const error = () => logged.push(activeTracing()?.traceId() ?? null);
    const logger: Logger = { error, warn: ignore, info: ignore, debug: ignore };
    stream = new EventStream(redis.service, logger);
  });

  afterAll(async () => {
    await stream.onModuleDestroy();
    redis.close();
    await collector.close();
    await activeTracing()?.close();
    await services.close();
  });

  const publish = (id: string, fields: Record<string, string>) =>
    redis.client.xadd(redisKeys.events(), '*', ...Object.entries({ id, ...EVENT, ...fields }).flat());

  it('runs the handlers of a traced event below its cause, also what they begin and what they log', async () => {
    const seen: { id: string; traceId: string | null }[] = [];
    const later: Promise<string | null>[] = [];
    stream.on(EVENT.type, ({ id }) => {
      seen.push({ id, traceId: activeTracing()?.traceId() ?? null });
      later.push(Promise.resolve().then(() => activeTracing()?.traceId() ?? null));
    });
    stream.on(EVENT.type, ({ id }) => {
      if (id === 'fails') throw new Error('cannot do that');
    });
    stream.onApplicationBootstrap();
    await waitFor('the reader', () => stream.isCurrent);

    const [good, bad, silent] = [newTrace(), newTrace(), newTrace()];
    await publish('good', { traceparent: good.traceparent('01') });
    await publish('fails', { traceparent: bad.traceparent('01') });
    await publish('silent', { traceparent: silent.traceparent('00') });
    await publish('untraced', {});
    await publish('nobody listens', { type: 'other.done.v1', traceparent: newTrace().traceparent('01') });
    await waitFor('the handlers', () => seen.length === 4);
    const traces = [good.traceId, bad.traceId, null, null];
    expect(seen.map(({ traceId }) => traceId)).toEqual(traces);
    expect(await Promise.all(later)).toEqual(traces);
    expect(logged).toEqual([bad.traceId]);

    await activeTracing()?.close();
    expect(collector.spans).toMatchObject([
      { traceId: good.traceId, parentSpanId: good.spanId, attributes: { 'messaging.message.id': 'good' } },
      {
        traceId: bad.traceId,
        parentSpanId: bad.spanId,
        status: { code: ERROR, message: 'cannot do that' },
      },
    ]);
    expect(collector.spans).toHaveLength(2);
  });
});

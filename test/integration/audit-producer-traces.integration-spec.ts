import { loadConfig } from '../../src/config/index.js';
import { activeTracing, startTracing } from '../../src/infrastructure/tracing/index.js';
import { testEnvironment } from '../support/app-harness.js';
import { AuditLogUnderTest } from '../support/audit-log-under-test.js';
import { startTestServices, type TestServices } from '../support/services/index.js';
import { TraceCollector } from '../support/trace-collector.js';
import { newTrace } from '../support/tracing-under-test.js';
import { waitFor } from '../support/wait-for.js';

const ERROR = 2;
const EVENT = {
  class: 'security' as const,
  action: 'thing.done',
  resource: 'thing:1',
  actor: 'system:test' as const,
};

describe('the producer of the audit log', () => {
  let services: TestServices;
  let collector: TraceCollector;
  let audit: AuditLogUnderTest;

  beforeAll(async () => {
    services = await startTestServices();
    collector = await TraceCollector.start();
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_TRACES_SAMPLER_ARG: '1' };
    await startTracing(loadConfig(testEnvironment(services, env)));
    audit = await AuditLogUnderTest.start(services, { AUDIT_SPOOL_DIR: '' }, { consumes: false });
  });

  afterAll(async () => {
    await audit.close();
    await collector.close();
    await activeTracing()?.close();
    await services.close();
  });

  it('sends each batch in the trace of its own first event, however long it has been at work', async () => {
    const record = (traceparent: string) => {
      const span = activeTracing()?.startRoot('request', 'server', {}, traceparent) ?? null;
      if (span === null) throw new Error('the trace is not recorded');
      const receipt = activeTracing()?.run(span, () => audit.log.record(EVENT));
      span.end();
      return receipt;
    };
    const [first, second] = [newTrace(), newTrace()];
    // The work that the first event sets off goes on until Redis is back, and then sends the second one too.
    services.redis.kill('SIGKILL');
    await waitFor('the loss of Redis', () => !audit.redis.isReady('main'));
    expect(await record(first.traceparent('01'))).toBe('memory');
    const later = record(second.traceparent('01'));
    await services.redis.restart();
    expect(await later).toBe('redis');
    await audit.producer.drain();

    await activeTracing()?.close();
    // One that Redis has taken; a server that has just started is sent the whole script.
    const sent = (traceId: string) =>
      collector
        .ofTrace(traceId)
        .filter(({ name, status }) => name.startsWith('eval') && status.code !== ERROR).length;
    expect([sent(first.traceId), sent(second.traceId)]).toEqual([1, 1]);
  });
});

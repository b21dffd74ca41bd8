import { ManualClock } from '../../src/common/manual-clock.js';
import { Metrics } from '../../src/infrastructure/metrics/index.js';
import { REPORTS_PER_MINUTE } from '../../src/infrastructure/error-reports/report-rate.js';
import { SentryReporter } from '../../src/infrastructure/error-reports/sentry-reporter.js';
import { SentryIngest } from '../support/sentry-ingest.js';
import { waitFor } from '../support/wait-for.js';

describe('reports to Sentry', () => {
  let ingest: SentryIngest;
  let clock: ManualClock;
  let metrics: Metrics;
  let reporter: SentryReporter;

  beforeEach(async () => {
    ingest = await SentryIngest.start();
    clock = new ManualClock(1_700_000_000_000);
    metrics = new Metrics();
    reporter = startReporter();
  });
  afterEach(() => ingest.close());

  function startReporter(): SentryReporter {
    const started = new SentryReporter(
      ingest.dsn,
      { environment: 'staging', release: 'caudal@1.2.3', role: 'api' },
      clock,
    );
    started.expose(metrics);
    return started;
  }
  const valueOf = async (series: string) => {
    const text = await metrics.registry.metrics();
    const line = text.split('\n').find((each) => each.startsWith(`${series} `));
    return Number(line?.slice(series.length) ?? 0);
  };
  const outcome = (name: string) => valueOf(`error_reports_total{outcome="${name}"}`);
  const fail = (times: number) => {
    for (let n = 0; n < times; n += 1) reporter.report({ err: new Error('a defect') }, 'a job failed');
  };

  it('say what failed, where, and in which request, trace and release', async () => {
    const cause = new TypeError('no such thing');
    reporter.report(
      { requestId: 'request-1', traceId: 'a'.repeat(32), err: new Error('it broke', { cause }) },
      'a request failed',
    );
    await reporter.close();
    expect(ingest.events).toMatchObject([
      {
        level: 'error',
        platform: 'node',
        timestamp: 1_700_000_000,
        environment: 'staging',
        release: 'caudal@1.2.3',
        logentry: { message: 'a request failed' },
        tags: { requestId: 'request-1', traceId: 'a'.repeat(32), role: 'api' },
        contexts: { trace: { trace_id: 'a'.repeat(32) } },
        exception: {
          values: [
            { type: 'TypeError', value: 'no such thing' },
            { type: 'Error', value: 'it broke' },
          ],
        },
      },
    ]);
    const frames = ingest.events[0]?.exception.values[1]?.stacktrace?.frames;
    expect(frames?.at(-1)?.filename).toContain('error-reports.integration-spec');
    expect(ingest.headers[0]?.['content-type']).toBe('application/x-sentry-envelope');
  });

  it('have nothing else: no other field, no private text, nothing of the machine', async () => {
    class QueryError extends Error {
      readonly parameters = ['private-parameter'];
      readonly detail = 'private-detail';
    }
    reporter.report(
      {
        err: new QueryError(
          'Key (email)=(ada@example.com) exists\n    at ada@example.com (/line-of-the-message:1:2)',
        ),
        body: 'private-body',
        headers: { cookie: 'private-cookie' },
        job: 'outbox-relay',
      },
      'a job failed',
    );
    reporter.report({ err: { secret: 'private-object' } }, 'a promise was rejected');
    reporter.report({ reason: 'no exception' }, 'not for it');
    await reporter.close();
    expect(ingest.events).toHaveLength(2);
    expect(ingest.bodies.join()).not.toMatch(/private|ada@|server_name|sdk_info|"user"|"request"/);
    const [exception] = ingest.events[0]?.exception.values ?? [];
    expect(JSON.stringify(exception?.stacktrace)).not.toContain('line-of-the-message');
    expect(ingest.events[0]?.tags).toEqual({ job: 'outbox-relay', role: 'api' });
  });

  it('are few: a burst, then some a minute', async () => {
    for (let round = 0; round < 10; round += 1) {
      fail(REPORTS_PER_MINUTE / 10);
      await waitFor('the answers', async () => (await valueOf('error_reports_waiting')) === 0);
    }
    fail(1000);
    expect([await outcome('sent'), await outcome('rate-limited')]).toEqual([REPORTS_PER_MINUTE, 1000]);
    clock.advance(60_000 / REPORTS_PER_MINUTE);
    fail(2);
    await reporter.close();
    expect([await outcome('sent'), ingest.events.length]).toEqual([
      REPORTS_PER_MINUTE + 1,
      REPORTS_PER_MINUTE + 1,
    ]);
  });

  it('stop when the ingest says so', async () => {
    ingest.answer = (response) => response.writeHead(429, { 'Retry-After': '3600' }).end();
    fail(1);
    await waitFor('the refusal', async () => (await outcome('refused')) === 1);
    fail(5);
    await reporter.close();
    expect([ingest.events.length, await outcome('rate-limited')]).toEqual([1, 5]);
  });

  it('that wait for a silent ingest are bounded, and so is the end', async () => {
    ingest.answer = () => undefined;
    for (let minute = 0; minute < 4; minute += 1) {
      fail(REPORTS_PER_MINUTE);
      clock.advance(60_000);
    }
    expect(await valueOf('error_reports_waiting')).toBe(32);
    expect(await outcome('queue-full')).toBe(4 * REPORTS_PER_MINUTE - 32);
    await reporter.close();
    fail(1);
    await waitFor('the timeout of each', async () => (await outcome('failed')) === 32);
    expect(await valueOf('error_reports_waiting')).toBe(0);
  });
});

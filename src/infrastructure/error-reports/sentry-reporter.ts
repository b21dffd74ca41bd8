import {
  createEventEnvelope,
  createTransport,
  type DsnComponents,
  getEnvelopeEndpointWithUrlEncodedAuth,
  makeDsn,
  type Transport,
  type TransportMakeRequestResponse,
  type TransportRequest,
} from '@sentry/core';
import type { Clock } from '../../common/clock.js';
import type { Metrics } from '../metrics/index.js';
import type { ErrorReporter, ReportOutcome } from './error-reporter.js';
import { ReportRate } from './report-rate.js';
import { type ReportOrigin, sentryEventOf } from './sentry-event.js';

/** Reports that wait for their answer; an event is a few kilobytes. */
const WAITING_MAX = 32;
/** An ingest that needs longer is as good as away. */
const ANSWER_TIMEOUT_MS = 2000;

/** The only file that sends to Sentry, itself loaded only when SENTRY_DSN is set. */
export class SentryReporter implements ErrorReporter {
  private readonly dsn: DsnComponents;
  private readonly transport: Transport;
  private readonly rate: ReportRate;
  private isClosed = false;
  private waiting = 0;
  private readonly outcomes: Record<ReportOutcome, number> = {
    sent: 0,
    'rate-limited': 0,
    refused: 0,
    'queue-full': 0,
    failed: 0,
  };

  constructor(
    dsn: string,
    private readonly origin: ReportOrigin,
    private readonly clock: Clock,
  ) {
    const parsed = makeDsn(dsn);
    if (parsed === undefined) throw new Error('SENTRY_DSN is no DSN');
    this.dsn = parsed;
    this.rate = new ReportRate(clock);
    const url = getEnvelopeEndpointWithUrlEncodedAuth(parsed);
    // It keeps the limits that the ingest answers with, and so many requests at once.
    this.transport = createTransport(
      {
        bufferSize: WAITING_MAX,
        recordDroppedEvent: (reason) => {
          if (reason === 'queue_overflow') this.outcomes['queue-full'] += 1;
          else if (reason === 'ratelimit_backoff') this.outcomes['rate-limited'] += 1;
        },
      },
      (request) => this.post(url, request),
    );
  }

  report(fields: object, message: string): void {
    if (!('err' in fields) || this.isClosed) return;
    if (!this.rate.take()) {
      this.outcomes['rate-limited'] += 1;
      return;
    }
    const event = sentryEventOf(fields.err, fields, message, this.origin, this.clock.nowMs());
    void this.transport.send(createEventEnvelope(event, this.dsn)).then(undefined, () => undefined);
  }

  expose(metrics: Metrics): void {
    metrics.kept({
      name: 'error_reports_total',
      help: 'Errors by what came of reporting them',
      type: 'counter',
      read: () => Object.entries(this.outcomes).map(([outcome, value]) => ({ labels: { outcome }, value })),
    });
    metrics.reading({
      name: 'error_reports_waiting',
      help: 'Reports that have no answer yet',
      read: () => this.waiting,
    });
  }

  async close(): Promise<void> {
    this.isClosed = true;
    await this.transport.flush(ANSWER_TIMEOUT_MS);
  }

  private async post(url: string, { body }: TransportRequest): Promise<TransportMakeRequestResponse> {
    this.waiting += 1;
    try {
      const answer = await fetch(url, {
        method: 'POST',
        headers: { 'Content-Type': 'application/x-sentry-envelope' },
        body: typeof body === 'string' ? body : Buffer.from(body),
        signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
      });
      await answer.arrayBuffer();
      this.outcomes[answer.ok ? 'sent' : 'refused'] += 1;
      return {
        statusCode: answer.status,
        headers: {
          'x-sentry-rate-limits': answer.headers.get('x-sentry-rate-limits'),
          'retry-after': answer.headers.get('retry-after'),
        },
      };
    } catch (error) {
      this.outcomes.failed += 1;
      throw error;
    } finally {
      this.waiting -= 1;
    }
  }
}

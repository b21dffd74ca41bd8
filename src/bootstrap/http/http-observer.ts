import type { FastifyReply, FastifyRequest } from 'fastify';
import type { AccessLogPolicy } from '../../config/index.js';
import type { ProcessLogger } from '../../infrastructure/logging/index.js';
import { Distribution, type KeptValue, type Metrics } from '../../infrastructure/metrics/index.js';
import { requestContextOf } from '../../infrastructure/tracing/index.js';

/** Seconds; dense where the objectives lie (p95 under 200 ms). */
const DURATION_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 2.5, 5, 10];

/** What was observed of one method of one route. */
interface Series {
  readonly labels: { readonly method: string; readonly route: string };
  /** Answers by status. */
  readonly answers: number[];
  readonly seconds: Distribution;
}

/** Counts every answer and writes its access-log line as the policy says. */
export class HttpObserver {
  /** By route, then by method: strings that exist already, so that none is built per request. */
  private readonly series = new Map<string, Map<string, Series>>();

  constructor(
    private readonly policy: AccessLogPolicy,
    private readonly logger: ProcessLogger,
    metrics: Metrics,
  ) {
    metrics.kept({
      name: 'http_requests_total',
      help: 'Answers by method, route pattern and status',
      type: 'counter',
      read: () => this.allSeries().flatMap(answersOf),
    });
    const name = 'http_request_duration_seconds';
    metrics.kept({
      name,
      help: 'Time from the request line to the last byte of the answer, without what was shed',
      type: 'histogram',
      read: () => this.allSeries().flatMap(({ labels, seconds }) => seconds.lines(name, labels)),
    });
  }

  observe(request: FastifyRequest, reply: FastifyReply, elapsedMs: number): void {
    const route = request.routeOptions.url ?? 'unmatched';
    const { method } = request;
    const { statusCode } = reply;
    const series = this.series.get(route)?.get(method) ?? this.addSeries(method, route);
    series.answers[statusCode] = (series.answers[statusCode] ?? 0) + 1;
    // What was shed waited on purpose, and is logged as one event for thousands.
    if (reply.wasShed) return;
    series.seconds.observe(elapsedMs / 1000);
    if (this.wantsLine(method, statusCode)) this.writeLine(request, reply, route, elapsedMs);
  }

  private wantsLine(method: string, status: number): boolean {
    switch (this.policy) {
      case 'all':
        return true;
      case 'writes':
        return status >= 500 || (method !== 'GET' && method !== 'HEAD' && status < 400);
      case 'errors':
        return status >= 500;
    }
  }

  private writeLine(request: FastifyRequest, reply: FastifyReply, route: string, elapsedMs: number): void {
    this.logger.pino.info(
      {
        ...requestContextOf(request),
        method: request.method,
        route,
        status: reply.statusCode,
        durationMs: Math.round(elapsedMs * 10) / 10,
      },
      'request',
    );
  }

  /** The set of series is small and known after the first requests. */
  private addSeries(method: string, route: string): Series {
    const byMethod = this.series.get(route) ?? new Map<string, Series>();
    const series: Series = {
      labels: { method, route },
      answers: [],
      seconds: new Distribution(DURATION_BUCKETS),
    };
    byMethod.set(method, series);
    this.series.set(route, byMethod);
    return series;
  }

  private allSeries(): Series[] {
    return [...this.series.values()].flatMap((byMethod) => [...byMethod.values()]);
  }
}

function answersOf({ labels, answers }: Series): KeptValue[] {
  // Statuses that never occurred are holes, which this passes over.
  return Object.entries(answers).map(([status, value]) => ({ labels: { ...labels, status }, value }));
}

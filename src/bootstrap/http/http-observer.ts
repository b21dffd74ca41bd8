import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Counter, Histogram } from 'prom-client';
import type { AccessLogPolicy } from '../../config/index.js';
import type { ProcessLogger } from '../../infrastructure/logging/index.js';
import type { Metrics } from '../../infrastructure/metrics/index.js';

/** Seconds; dense where the objectives lie (p95 under 200 ms). */
const DURATION_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 2.5, 5, 10];

const TRACEPARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$/;

interface Series {
  readonly requests: Counter.Internal;
  readonly duration: Histogram.Internal<'method' | 'route'>;
}

/** Counts every answer and writes its access-log line as the policy says. */
export class HttpObserver {
  private readonly requests: Counter<'method' | 'route' | 'status'>;
  private readonly duration: Histogram<'method' | 'route'>;
  /** By route, then by method and status: strings that exist already, so that none is built per request. */
  private readonly series = new Map<string, Map<string, (Series | undefined)[]>>();

  constructor(
    private readonly policy: AccessLogPolicy,
    private readonly logger: ProcessLogger,
    metrics: Metrics,
  ) {
    this.requests = metrics.counter({
      name: 'http_requests_total',
      help: 'Answers by method, route pattern and status',
      labelNames: ['method', 'route', 'status'],
    });
    this.duration = metrics.histogram({
      name: 'http_request_duration_seconds',
      help: 'Time from the request line to the last byte of the answer',
      labelNames: ['method', 'route'],
      buckets: DURATION_BUCKETS,
    });
  }

  observe(request: FastifyRequest, reply: FastifyReply): void {
    const route = request.routeOptions.url ?? 'unmatched';
    const { requests, duration } = this.seriesOf(request.method, route, reply.statusCode);
    requests.inc();
    duration.observe(reply.elapsedTime / 1000);
    if (this.wantsLine(request.method, reply.statusCode)) this.writeLine(request, reply, route);
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

  private writeLine(request: FastifyRequest, reply: FastifyReply, route: string): void {
    const traceparent = request.headers['traceparent'];
    const traceId = typeof traceparent === 'string' ? TRACEPARENT.exec(traceparent)?.[1] : undefined;
    this.logger.pino.info(
      {
        requestId: request.id,
        traceId,
        method: request.method,
        route,
        status: reply.statusCode,
        durationMs: Math.round(reply.elapsedTime * 10) / 10,
      },
      'request',
    );
  }

  /** Label look-ups hash strings; the set of series is small and known after the first requests. */
  private seriesOf(method: string, route: string, status: number): Series {
    return this.series.get(route)?.get(method)?.[status] ?? this.addSeries(method, route, status);
  }

  private addSeries(method: string, route: string, status: number): Series {
    const byMethod = this.series.get(route) ?? new Map<string, (Series | undefined)[]>();
    const byStatus = byMethod.get(method) ?? [];
    const series = {
      requests: this.requests.labels({ method, route, status: String(status) }),
      duration: this.duration.labels({ method, route }),
    };
    byStatus[status] = series;
    byMethod.set(method, byStatus);
    this.series.set(route, byMethod);
    return series;
  }
}

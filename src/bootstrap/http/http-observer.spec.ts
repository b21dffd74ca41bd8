import Fastify from 'fastify';
import type { AccessLogPolicy } from '../../config/index.js';
import type { ProcessLogger } from '../../infrastructure/logging/index.js';
import { Metrics } from '../../infrastructure/metrics/index.js';
import { HttpObserver } from './http-observer.js';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';

describe('the observer of requests', () => {
  /** What is counted and logged of the requests. */
  const observe = async (
    policy: AccessLogPolicy,
    requests: { method: 'GET' | 'POST'; url: string; headers?: Record<string, string> }[],
  ) => {
    const lines: Record<string, unknown>[] = [];
    const logger = {
      pino: { info: (line: Record<string, unknown>) => lines.push(line) },
    } as unknown as ProcessLogger;
    const metrics = new Metrics();
    const observer = new HttpObserver(policy, logger, metrics);
    const fastify = Fastify();
    fastify.addHook('onResponse', (request, reply, done) => {
      observer.observe(request, reply);
      done();
    });
    fastify.get<{ Params: { status: string } }>('/things/:status', (request, reply) =>
      reply.status(Number(request.params.status)).send(),
    );
    fastify.post<{ Params: { status: string } }>('/things/:status', (request, reply) =>
      reply.status(Number(request.params.status)).send(),
    );
    for (const request of requests) await fastify.inject(request);
    await fastify.close();
    return { lines, text: await metrics.registry.metrics() };
  };
  const REQUESTS = [
    { method: 'GET' as const, url: '/things/200' },
    { method: 'GET' as const, url: '/things/500' },
    { method: 'POST' as const, url: '/things/201' },
    { method: 'POST' as const, url: '/things/409' },
  ];

  it('counts every answer under its route pattern, never under what the client sent', async () => {
    const { text } = await observe('errors', [...REQUESTS, { method: 'GET', url: '/secret-path' }]);
    expect(text).toContain('http_requests_total{method="GET",route="/things/:status",status="200"} 1');
    expect(text).toContain('http_requests_total{method="POST",route="/things/:status",status="409"} 1');
    expect(text).toContain('http_requests_total{method="GET",route="unmatched",status="404"} 1');
    expect(text).toContain('http_request_duration_seconds_count{method="GET",route="/things/:status"} 2');
    expect(text).not.toContain('secret-path');
  });

  it.each([
    ['all', [200, 500, 201, 409]],
    ['writes', [500, 201]],
    ['errors', [500]],
  ] as const)('writes the lines of the policy "%s"', async (policy, statuses) => {
    const { lines } = await observe(policy, REQUESTS);
    expect(lines.map(({ status }) => status)).toEqual(statuses);
  });

  it('honours a trace that is one, and ignores what is not', async () => {
    const { lines } = await observe('all', [
      { method: 'GET', url: '/things/200', headers: { traceparent: `00-${TRACE}-00f067aa0ba902b7-01` } },
      { method: 'GET', url: '/things/200', headers: { traceparent: 'anything"}' } },
    ]);
    expect(lines.map(({ traceId }) => traceId)).toEqual([TRACE, undefined]);
  });
});

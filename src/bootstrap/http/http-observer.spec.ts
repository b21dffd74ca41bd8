import Fastify, { type FastifyReply, type FastifyRequest } from 'fastify';
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
      observer.observe(request, reply, reply.elapsedTime);
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

  it('sorts answers into cumulative buckets by their time', async () => {
    const metrics = new Metrics();
    const observer = new HttpObserver('errors', {} as ProcessLogger, metrics);
    for (const elapsedMs of [0.5, 1, 3, 40, 60_000]) {
      const request = { method: 'GET', routeOptions: { url: '/x' } } as FastifyRequest;
      observer.observe(request, { statusCode: 200 } as FastifyReply, elapsedMs);
    }
    const text = await metrics.registry.metrics();
    const line = (rest: string) => new RegExp(`^http_request_duration_seconds_${rest}$`, 'm').exec(text)?.[0];
    expect(text).toContain('# TYPE http_request_duration_seconds histogram');
    expect(line('bucket\\{le="0.001",method="GET",route="/x"\\} 2')).toBeDefined();
    expect(line('bucket\\{le="0.0025",method="GET",route="/x"\\} 2')).toBeDefined();
    expect(line('bucket\\{le="0.005",method="GET",route="/x"\\} 3')).toBeDefined();
    expect(line('bucket\\{le="10",method="GET",route="/x"\\} 4')).toBeDefined();
    expect(line('bucket\\{le="\\+Inf",method="GET",route="/x"\\} 5')).toBeDefined();
    expect(line('count\\{method="GET",route="/x"\\} 5')).toBeDefined();
    expect(Number(line('sum\\{.*')?.split(' ')[1])).toBeCloseTo(60.0445);
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

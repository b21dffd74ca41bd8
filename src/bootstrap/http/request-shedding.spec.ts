import { setImmediate } from 'node:timers/promises';
import Fastify, { type FastifyInstance } from 'fastify';
import { type Lane, LoadShedding, type Priority, type ShedReason } from '../../core/load-shedding/index.js';
import { CrossOriginPolicy } from './cross-origin.js';
import { RequestShedding } from './request-shedding.js';

/** Sheds the priorities that it is told to. */
class DecidedShedding extends LoadShedding {
  readonly shed = new Set<Priority>();
  open = 0;

  lane(priority: Priority): Lane {
    return {
      priority,
      enter: (): ShedReason | null => {
        if (this.shed.has(priority)) return 'delay';
        this.open += 1;
        return null;
      },
      leave: () => {
        this.open -= 1;
      },
    };
  }
}

const ORIGIN = 'https://shop.example';

describe('the refusal of an overloaded server', () => {
  const decided = new DecidedShedding();
  let fastify: FastifyInstance;
  const answered: number[] = [];
  let handled = 0;
  /** Refusals that wait for this test; null where none do. */
  let held: (() => void)[] | null;

  beforeAll(() => {
    const shedding = new RequestShedding(decided, new CrossOriginPolicy([ORIGIN]), (refuse) => {
      if (held === null) refuse();
      else held.push(refuse);
    });
    fastify = Fastify({ genReqId: () => 'request-1' });
    shedding.attach(fastify);
    fastify.addHook('onRequest', (request, reply, done) => {
      if (!shedding.refuse(request, reply)) done();
    });
    fastify.addHook('onResponse', (_request, reply, done) => {
      shedding.end(reply, reply.elapsedTime);
      answered.push(reply.statusCode);
      done();
    });
    for (const url of ['/health', '/api/v1/orders', '/api/v1/products'])
      fastify.route({
        method: ['GET', 'POST', 'OPTIONS'],
        url,
        handler: () => {
          handled += 1;
          return { url };
        },
      });
  });
  beforeEach(() => {
    decided.shed.clear();
    answered.length = 0;
    handled = 0;
    held = null;
  });
  afterAll(() => fastify.close());

  it('is a problem document that says when to come back', async () => {
    decided.shed.add('ordinary');
    const answer = await fastify.inject('/api/v1/products');
    expect(answer.statusCode).toBe(503);
    expect(answer.headers['content-type']).toBe('application/problem+json; charset=utf-8');
    expect(answer.headers['x-request-id']).toBe('request-1');
    expect(Number(answer.headers['retry-after'])).toBeGreaterThanOrEqual(1);
    expect(answer.headers['content-security-policy']).toContain("default-src 'none'");
    expect(answer.json()).toEqual({
      type: 'urn:caudal:error:SERVER_OVERLOADED',
      title: 'The server is overloaded',
      status: 503,
      code: 'SERVER_OVERLOADED',
      requestId: 'request-1',
    });
    expect([handled, answered]).toEqual([0, [503]]);
  });

  it('spreads the return of its clients', async () => {
    decided.shed.add('ordinary');
    const seconds = new Set<unknown>();
    for (let i = 0; i < 6; i += 1)
      seconds.add((await fastify.inject('/api/v1/products')).headers['retry-after']);
    expect(seconds.size).toBe(3);
  });

  it('waits, and keeps nobody waiting who is not refused', async () => {
    decided.shed.add('ordinary');
    held = [];
    let isRefused = false;
    const refused = fastify.inject('/api/v1/products').then(({ statusCode }) => {
      isRefused = true;
      return statusCode;
    });
    expect((await fastify.inject('/api/v1/orders')).statusCode).toBe(200);
    expect([held.length, isRefused]).toEqual([1, false]);
    held.pop()?.();
    expect(await refused).toBe(503);
  });

  it('comes at once when two thousand wait already, and waits again when they have theirs', async () => {
    decided.shed.add('ordinary');
    const waiting: (() => void)[] = (held = []);
    const ask = () => fastify.inject('/api/v1/products');
    const refused = Array.from({ length: 2_001 }, ask);
    expect((await Promise.race(refused)).statusCode).toBe(503);
    expect([waiting.length, answered.length]).toEqual([2_000, 1]);
    for (const refuse of waiting.splice(0)) refuse();
    await Promise.all(refused);
    const next = ask();
    while (waiting.length === 0) await setImmediate();
    waiting.pop()?.();
    expect((await next).statusCode).toBe(503);
  });

  it('is for the routes of its priority, and for paths that no route has', async () => {
    decided.shed.add('ordinary');
    const statusOf = async (url: string) => (await fastify.inject({ method: 'POST', url })).statusCode;
    expect(await statusOf('/api/v1/orders')).toBe(200);
    expect(await statusOf('/api/v1/products')).toBe(503);
    expect(await statusOf('/nowhere')).toBe(503);
  });

  it('never meets a probe', async () => {
    for (const priority of ['critical', 'important', 'ordinary'] as const) decided.shed.add(priority);
    expect((await fastify.inject('/health')).statusCode).toBe(200);
  });

  it('can be read by the origins that may read the answer', async () => {
    decided.shed.add('ordinary');
    const headers = { origin: ORIGIN };
    const refused = await fastify.inject({ url: '/api/v1/products', headers });
    expect(refused.statusCode).toBe(503);
    expect(refused.headers['access-control-allow-origin']).toBe(ORIGIN);
    expect(refused.headers['access-control-expose-headers']).toContain('Retry-After');
    const preflight = await fastify.inject({
      method: 'OPTIONS',
      url: '/api/v1/products',
      headers: { ...headers, 'access-control-request-method': 'GET' },
    });
    expect(preflight.statusCode).toBe(204);
  });

  it('leaves every request that was admitted counted once, whatever became of it', async () => {
    await fastify.inject('/api/v1/products');
    await fastify.inject('/nowhere');
    decided.shed.add('ordinary');
    await fastify.inject('/api/v1/products');
    expect(decided.open).toBe(0);
  });
});

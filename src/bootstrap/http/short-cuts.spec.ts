import Fastify, { type FastifyReply, type FastifyRequest } from 'fastify';
import { Problem } from '../../common/problem.js';
import type { AccessGuard } from '../../core/access-control/index.js';
import type { HttpThrottlerGuard } from '../../core/rate-limiter/index.js';
import { SHORT_CUT, ShortCuts } from '../../core/short-cut/index.js';
import type { Logger } from '../../infrastructure/logging/index.js';
import { ProblemFilter } from './problem.filter.js';
import { serveShortCuts } from './short-cuts.js';

class Controller {
  place(): void {
    /* answers the route inside Nest */
  }
}

describe('a short cut', () => {
  interface Behaviour {
    isOpen?: boolean;
    isWithinLimit?: boolean;
    plan?: () => string | null;
    answer?: (plan: string, request: FastifyRequest, reply: FastifyReply) => void | Promise<void>;
  }

  /** The body of the answer and what was asked on the way to it. */
  const ask = async ({ isOpen = true, isWithinLimit = true, plan, answer }: Behaviour) => {
    const asked: string[] = [];
    const note = <T>(name: string, value: T): T => {
      asked.push(name);
      return value;
    };
    const shortCuts = new ShortCuts();
    shortCuts.register<Controller, string>('place', Controller, 'place', {
      plan: () => note('plan', plan === undefined ? 'planned' : plan()),
      answer: answer ?? ((found, _, reply) => void reply.send(found)),
    });
    const fastify = Fastify();
    serveShortCuts(fastify, shortCuts, {
      access: { admitsNow: () => note('access', isOpen) } as unknown as AccessGuard,
      limiter: { admitsNow: () => note('limit', isWithinLimit) } as unknown as HttpThrottlerGuard,
      problems: new ProblemFilter({ error: () => undefined } as unknown as Logger),
    });
    const nest = (_: FastifyRequest, reply: FastifyReply) => reply.send(note('nest', 'from Nest'));
    fastify.get('/marked', { config: { [SHORT_CUT]: 'place' } }, nest);
    fastify.get('/unmarked', nest);
    fastify.get('/unknown', { config: { [SHORT_CUT]: 'no such' } }, nest);
    const get = async (url: string) => (await fastify.inject({ method: 'GET', url })).body;
    const bodies = { marked: await get('/marked'), unmarked: '', unknown: '' };
    const askedOfMarked = [...asked];
    bodies.unmarked = await get('/unmarked');
    bodies.unknown = await get('/unknown');
    await fastify.close();
    return { bodies, asked: askedOfMarked };
  };

  it('answers what is open, planned and within its limit, and nothing of other routes', async () => {
    const { bodies, asked } = await ask({});
    expect(bodies).toEqual({ marked: 'planned', unmarked: 'from Nest', unknown: 'from Nest' });
    expect(asked).toEqual(['access', 'plan', 'limit']);
  });

  it.each([
    ['is not open', { isOpen: false }, ['access', 'nest']],
    ['has no plan', { plan: () => null }, ['access', 'plan', 'nest']],
    ['is over its limit', { isWithinLimit: false }, ['access', 'plan', 'limit', 'nest']],
  ] as [string, Behaviour, string[]][])(
    'leaves to Nest what %s, and counts nothing before',
    async (_, behaviour, way) => {
      const { bodies, asked } = await ask(behaviour);
      expect(bodies.marked).toBe('from Nest');
      expect(asked).toEqual(way);
    },
  );

  it.each([
    [
      'throws',
      () => {
        throw new Problem('ORDER_OUT_OF_STOCK');
      },
    ],
    ['rejects with', () => Promise.reject(new Problem('ORDER_OUT_OF_STOCK'))],
  ] as [string, () => Promise<void>][])('makes a problem document of what it %s', async (_, answer) => {
    const { bodies } = await ask({ answer });
    expect(JSON.parse(bodies.marked)).toMatchObject({ status: 409, code: 'ORDER_OUT_OF_STOCK' });
  });

  it('makes an internal error of what nobody foresaw', async () => {
    const { bodies } = await ask({ answer: () => Promise.reject(new TypeError('secret')) });
    expect(JSON.parse(bodies.marked)).toMatchObject({ status: 500, code: 'INTERNAL_ERROR' });
    expect(bodies.marked).not.toContain('secret');
  });
});

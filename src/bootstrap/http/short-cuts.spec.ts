import type { ExecutionContext } from '@nestjs/common';
import Fastify, { type FastifyReply, type FastifyRequest } from 'fastify';
import type { ErrorCodeName } from '../../common/error-codes.js';
import { Problem } from '../../common/problem.js';
import type { AccessGuard } from '../../core/access-control/index.js';
import type { RequestLimits } from '../../core/rate-limiter/index.js';
import { SHORT_CUT, ShortCuts } from '../../core/short-cut/index.js';
import { RecordingLogger } from '../../infrastructure/logging/recording-logger.js';
import { ProblemFilter } from './problem.filter.js';
import { serveShortCuts } from './short-cuts.js';

class Controller {
  place(): void {
    /* answers the route inside Nest */
  }
}

describe('a short cut', () => {
  interface Behaviour {
    isLate?: boolean;
    forbids?: 'limit' | 'access' | 'user limit';
    plan?: () => string | null;
    answer?: (plan: string, request: FastifyRequest, reply: FastifyReply) => void | Promise<void>;
  }

  /** The body of the answer and what was asked on the way to it. */
  const ask = async ({ isLate = false, forbids, plan, answer }: Behaviour) => {
    const asked: string[] = [];
    const note = <T>(name: string, value: T): T => {
      asked.push(name);
      return value;
    };
    const guard =
      (name: string, code: ErrorCodeName) =>
      (context: ExecutionContext): true | Promise<true> => {
        expect([context.getClass(), context.getHandler()]).toEqual([Controller, Controller.prototype.place]);
        if (note(name, forbids) === name) throw new Problem(code);
        return isLate ? Promise.resolve(true) : true;
      };
    const shortCuts = new ShortCuts();
    shortCuts.register<Controller, string>('place', Controller, 'place', {
      plan: () => note('plan', plan === undefined ? 'planned' : plan()),
      answer: answer ?? ((found, _, reply) => void reply.send(found)),
    });
    const fastify = Fastify();
    serveShortCuts(fastify, shortCuts, {
      limiter: {
        admitClient: guard('limit', 'RATE_LIMITED'),
        admitUser: guard('user limit', 'RATE_LIMITED'),
      } as unknown as RequestLimits,
      access: { canActivate: guard('access', 'PERMISSION_DENIED') } as unknown as AccessGuard,
      problems: new ProblemFilter(new RecordingLogger()),
    });
    const nest = (request: FastifyRequest, reply: FastifyReply) =>
      reply.send(note(request.isAdmitted ? 'nest, admitted' : 'nest', 'from Nest'));
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

  it.each([{ isLate: false }, { isLate: true }])(
    'answers what the guards let pass and has a plan, and nothing of other routes: %j',
    async (behaviour) => {
      const { bodies, asked } = await ask(behaviour);
      expect(bodies).toEqual({ marked: 'planned', unmarked: 'from Nest', unknown: 'from Nest' });
      expect(asked).toEqual(['limit', 'access', 'user limit', 'plan']);
    },
  );

  it.each([{ isLate: false }, { isLate: true }])(
    'leaves to Nest what has no plan, already admitted: %j',
    async (behaviour) => {
      const { bodies, asked } = await ask({ ...behaviour, plan: () => null });
      expect(bodies.marked).toBe('from Nest');
      expect(asked).toEqual(['limit', 'access', 'user limit', 'plan', 'nest, admitted']);
    },
  );

  it.each([
    ['limit', false, 'RATE_LIMITED', ['limit']],
    ['limit', true, 'RATE_LIMITED', ['limit']],
    ['access', false, 'PERMISSION_DENIED', ['limit', 'access']],
    ['access', true, 'PERMISSION_DENIED', ['limit', 'access']],
    ['user limit', false, 'RATE_LIMITED', ['limit', 'access', 'user limit']],
    ['user limit', true, 'RATE_LIMITED', ['limit', 'access', 'user limit']],
  ] as const)('refuses by itself what the %s forbids, late: %p', async (forbids, isLate, code, way) => {
    const { bodies, asked } = await ask({ forbids, isLate });
    expect(JSON.parse(bodies.marked)).toMatchObject({ code });
    expect(asked).toEqual(way);
  });

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

import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from 'fastify';
import type { AccessGuard } from '../../core/access-control/index.js';
import type { HttpThrottlerGuard } from '../../core/rate-limiter/index.js';
import { SHORT_CUT, type ShortCuts } from '../../core/short-cut/index.js';
import type { ProblemFilter } from './problem.filter.js';

interface Gates {
  readonly access: AccessGuard;
  readonly limiter: HttpThrottlerGuard;
  readonly problems: ProblemFilter;
}

/**
 * Puts each short cut in front of Nest's handler of its route: a request that has a plan, may make it and
 * is within its limit is answered at once. Everything else goes on to Nest, uncounted. Hooks, headers,
 * metrics and problem documents are the same either way.
 *
 * Call it before the routes are registered.
 */
export function serveShortCuts(
  fastify: FastifyInstance,
  shortCuts: ShortCuts,
  { access, limiter, problems }: Gates,
): void {
  fastify.addHook('onRoute', (route: RouteOptions) => {
    const name: unknown = Reflect.get(route.config ?? {}, SHORT_CUT);
    if (typeof name !== 'string') return;
    const nestHandler = route.handler;
    route.handler = function (this: FastifyInstance, request: FastifyRequest, reply: FastifyReply): unknown {
      const source = shortCuts.find(name);
      const plan =
        source !== undefined && access.admitsNow(source.handler, request) ? source.plan(request) : null;
      // The limiter is asked last: only what is answered here is counted here.
      if (source === undefined || plan === null || !limiter.admitsNow(source.handler, request, reply))
        return nestHandler.call(this, request, reply);
      answerNow(source.answer, plan, request, reply);
      return undefined;
    };
  });

  const answerNow = (
    answer: NonNullable<ReturnType<ShortCuts['find']>>['answer'],
    plan: unknown,
    request: FastifyRequest,
    reply: FastifyReply,
  ): void => {
    const refuse = (error: unknown) => {
      problems.answer(error, request, reply);
    };
    try {
      const answered = answer(plan, request, reply);
      if (answered instanceof Promise) answered.catch(refuse);
    } catch (error) {
      refuse(error);
    }
  };
}

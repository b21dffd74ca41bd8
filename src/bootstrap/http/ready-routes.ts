import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from 'fastify';
import { READY_ROUTE, type ReadyAnswers, sendAnswer } from '../../core/answer-cache/index.js';
import type { HttpThrottlerGuard } from '../../core/rate-limiter/index.js';

/**
 * Puts a short cut in front of Nest's handler of each {@link ReadyRoute}: an answer that is in memory,
 * asked for by a client within its limit, is sent at once. Everything else goes on to Nest, where guards
 * and filters say what is wrong with it. Hooks, headers and metrics are the same either way.
 *
 * Call it before the routes are registered.
 */
export function serveReadyRoutes(
  fastify: FastifyInstance,
  answers: ReadyAnswers,
  limiter: HttpThrottlerGuard,
): void {
  fastify.addHook('onRoute', (route: RouteOptions) => {
    const name: unknown = Reflect.get(route.config ?? {}, READY_ROUTE);
    if (typeof name !== 'string') return;
    const nestHandler = route.handler;
    route.handler = function (this: FastifyInstance, request: FastifyRequest, reply: FastifyReply): unknown {
      const source = answers.sourceOf(name);
      const answer = source?.find(request) ?? null;
      // Asked last: only what is sent here is counted here.
      if (source === undefined || answer === null || !limiter.admitsNow(source.handler, request, reply))
        return nestHandler.call(this, request, reply);
      sendAnswer(request, reply, answer);
      return undefined;
    };
  });
}

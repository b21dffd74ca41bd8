import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from 'fastify';
import type { AccessGuard } from '../../core/access-control/index.js';
import type { RequestLimits } from '../../core/rate-limiter/index.js';
import { SHORT_CUT, type ShortCuts } from '../../core/short-cut/index.js';
import type { ProblemFilter } from './problem.filter.js';

interface Surroundings {
  readonly limiter: RequestLimits;
  readonly access: AccessGuard;
  readonly problems: ProblemFilter;
}

/**
 * Puts each short cut in front of Nest's handler of its route. The guards are asked in the order in which
 * Nest asks them; a request that they let pass and that has a plan is answered at once, any other goes on
 * to Nest, where the guards know it. Hooks, headers, metrics and problem documents are the same either way.
 *
 * Call it before the routes are registered.
 */
export function serveShortCuts(
  fastify: FastifyInstance,
  shortCuts: ShortCuts,
  { limiter, access, problems }: Surroundings,
): void {
  fastify.decorateRequest('isAdmitted', false);
  fastify.addHook('onRoute', (route: RouteOptions) => {
    const name: unknown = Reflect.get(route.config ?? {}, SHORT_CUT);
    if (typeof name !== 'string') return;
    const nestHandler = route.handler;
    route.handler = function (this: FastifyInstance, request: FastifyRequest, reply: FastifyReply): unknown {
      const source = shortCuts.find(name);
      if (source === undefined) return nestHandler.call(this, request, reply);

      const proceed = (): unknown => {
        request.isAdmitted = true;
        const plan = source.plan(request);
        return plan === null ? nestHandler.call(this, request, reply) : source.answer(plan, request, reply);
      };
      const refuse = (error: unknown): void => {
        problems.answer(error, request, reply);
      };
      try {
        const context = new ExecutionContextHost([request, reply], source.controller, source.method);
        const admitted = admit(context);
        const answered = admitted === true ? proceed() : admitted.then(proceed);
        if (answered instanceof Promise) answered.catch(refuse);
      } catch (error) {
        refuse(error);
      }
      return undefined;
    };
  });

  /** True at once when no guard has to wait. */
  function admit(context: ExecutionContextHost): true | Promise<true> {
    const counted = limiter.admitClient(context);
    return counted === true ? admitKnown(context) : counted.then(() => admitKnown(context));
  }

  function admitKnown(context: ExecutionContextHost): true | Promise<true> {
    const proven = access.canActivate(context);
    return proven === true ? limiter.admitUser(context) : proven.then(() => limiter.admitUser(context));
  }
}

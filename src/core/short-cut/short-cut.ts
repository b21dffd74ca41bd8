import { Injectable } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';

/** Key of the name in Fastify's configuration of a route. */
export const SHORT_CUT = 'shortCut';

/**
 * Marks a route whose plain requests are answered without entering Nest, which takes two thirds of the
 * time of a short answer otherwise (docs/capacity.md). The rate limit and the access rule of the route
 * hold all the same; whatever is not plain takes the ordinary way, where guards, pipes and filters say
 * what is wrong with it.
 */
export const ShortCut = (name: string) => RouteConfig({ [SHORT_CUT]: name });

/** How the plain requests of one route are answered. */
export interface ShortCutSource<Plan = unknown> {
  /** The method that answers the route inside Nest; limits and access rule are configured on it. */
  readonly handler: object;
  /**
   * What answers the request, found without effect and without waiting; null leaves the request to Nest.
   * Must not throw.
   */
  readonly plan: (request: FastifyRequest) => Plan | null;
  /** Carries the plan out. What it throws becomes a problem document, as inside Nest. */
  readonly answer: (plan: Plan, request: FastifyRequest, reply: FastifyReply) => void | Promise<void>;
}

/** Where the routes that are marked find their short cuts. */
@Injectable()
export class ShortCuts {
  private readonly sources = new Map<string, ShortCutSource>();

  /** `method` of `controller` is what answers the route inside Nest. */
  register<T extends object, Plan>(
    name: string,
    controller: { readonly prototype: T },
    method: keyof T & string,
    { plan, answer }: Omit<ShortCutSource<Plan>, 'handler'>,
  ): void {
    if (this.sources.has(name)) throw new Error(`the short cut ${name} is registered twice`);
    const handler: unknown = controller.prototype[method];
    if (typeof handler !== 'function') throw new Error(`${method} is no method`);
    // A plan is only ever handed to the source that made it.
    this.sources.set(name, { handler, plan, answer: answer as ShortCutSource['answer'] });
  }

  find(name: string): ShortCutSource | undefined {
    return this.sources.get(name);
  }
}

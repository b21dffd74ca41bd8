import { Injectable, type Type } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';

/** Key of the name in Fastify's configuration of a route. */
export const SHORT_CUT = 'shortCut';

declare module 'fastify' {
  interface FastifyRequest {
    /** The guards have let the request pass on a short cut; inside Nest they need not be asked again. */
    isAdmitted: boolean;
  }
}

/**
 * Marks a route whose plain requests are answered without entering Nest, which takes two thirds of the
 * time of a short answer otherwise (docs/capacity.md). The same guards are asked in the same order;
 * whatever is not plain takes the ordinary way, where pipes and filters say what is wrong with it.
 */
export const ShortCut = (name: string) => RouteConfig({ [SHORT_CUT]: name });

/** How the plain requests of one route are answered. */
export interface ShortCutSource<Plan = unknown> {
  /**
   * What answers a request that the guards have let pass, found without effect and without waiting; null
   * leaves the request to Nest. Must not throw.
   */
  readonly plan: (request: FastifyRequest) => Plan | null;
  /** Carries the plan out. What it throws becomes a problem document, as inside Nest. */
  readonly answer: (plan: Plan, request: FastifyRequest, reply: FastifyReply) => void | Promise<void>;
}

/** A source, and what answers its route inside Nest: the guards read their rules there. */
interface RegisteredShortCut extends ShortCutSource {
  readonly controller: Type;
  readonly method: Callback;
}

/** What reflection names a method by. */
type Callback = Parameters<typeof Reflect.apply>[0];

/** Where the routes that are marked find their short cuts. */
@Injectable()
export class ShortCuts {
  private readonly sources = new Map<string, RegisteredShortCut>();

  /** `method` of `controller` is what answers the route inside Nest. */
  register<T extends object, Plan>(
    name: string,
    controller: Type<T>,
    method: keyof T & string,
    { plan, answer }: ShortCutSource<Plan>,
  ): void {
    if (this.sources.has(name)) throw new Error(`the short cut ${name} is registered twice`);
    const handler: unknown = (controller.prototype as T)[method];
    if (typeof handler !== 'function') throw new Error(`${method} is no method`);
    // A plan is only ever handed to the source that made it.
    const source = { plan, answer: answer as ShortCutSource['answer'] };
    this.sources.set(name, { ...source, controller, method: handler });
  }

  find(name: string): RegisteredShortCut | undefined {
    return this.sources.get(name);
  }
}

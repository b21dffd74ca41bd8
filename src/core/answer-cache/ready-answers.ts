import { Injectable } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import type { FastifyRequest } from 'fastify';
import type { Answer } from './answer.js';

/** Key of the name in Fastify's configuration of a route. */
export const READY_ROUTE = 'readyRoute';

/**
 * Marks a route that is open to everybody and whose answer, when it is in memory, is sent without
 * entering Nest: a third of such a request's time otherwise (docs/capacity.md). The rate limit is
 * applied all the same; whatever is not plain takes the ordinary way.
 */
export const ReadyRoute = (name: string) => RouteConfig({ [READY_ROUTE]: name });

export interface ReadySource {
  /** The method that answers the route inside Nest; limits are configured on it. */
  readonly handler: object;
  /** The answer when it is at hand; null otherwise. Must not throw. */
  readonly find: (request: FastifyRequest) => Answer | null;
}

/** Where the routes that are marked find their answers. */
@Injectable()
export class ReadyAnswers {
  private readonly sources = new Map<string, ReadySource>();

  /** `method` of `controller` is what answers the route inside Nest. */
  register<T extends object>(
    name: string,
    controller: { readonly prototype: T },
    method: keyof T & string,
    find: ReadySource['find'],
  ): void {
    if (this.sources.has(name)) throw new Error(`the ready route ${name} is registered twice`);
    const handler: unknown = controller.prototype[method];
    if (typeof handler !== 'function') throw new Error(`${method} is no method`);
    this.sources.set(name, { handler, find });
  }

  sourceOf(name: string): ReadySource | undefined {
    return this.sources.get(name);
  }
}

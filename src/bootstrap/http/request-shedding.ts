import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from 'fastify';
import { Problem } from '../../common/problem.js';
import type { Lane, LoadShedding } from '../../core/load-shedding/index.js';
import type { CrossOriginPolicy } from './cross-origin.js';
import { priorityOf } from './route-priorities.js';
import { API_HEADERS } from './security-headers.js';

declare module 'fastify' {
  interface FastifyReply {
    /** Where the request counts as open; null elsewhere. */
    lane: Lane | null;
    wasShed: boolean;
  }
}

/** What a route's configuration says of its requests; missing where no route matched. */
interface RouteConfiguration {
  readonly lane?: Lane | null;
}

/** Clients come back spread over as many seconds, not all at once. */
const RETRY_AFTER_SECONDS = ['1', '2', '3'];

/**
 * A crowd over a bounded number of connections, as a gateway opens them, comes back as soon as it is refused, and a process
 * may do little else than refuse. Connections that wait for their refusal bring nobody else meanwhile, and those who find
 * none free are refused by the gateway, where that costs less (ADR 0017).
 */
const HOLD_MS = 500;
/** As many as the gateway opens for the priorities that are shed first; who comes by more is refused at once. */
const HELD_MAX = 2_000;

/** The document up to its last member, which is the request's own. */
const DOCUMENT = `${JSON.stringify(new Problem('SERVER_OVERLOADED').toDocument()).slice(0, -1)},"requestId":"`;

/**
 * Asks for every request, before anything else, whether it may be worked on, and answers 503 `SERVER_OVERLOADED`
 * itself after half a second: past Fastify's serialisation and past the access log, because a refusal must cost a
 * fraction of what it saves. It is counted like any other answer, and its time is no latency.
 */
export class RequestShedding {
  private readonly unmatched: Lane;
  private readonly headers: readonly string[];
  private turn = 0;
  /** Refusals that wait. */
  private held = 0;

  constructor(
    private readonly shedding: LoadShedding,
    private readonly crossOrigin: CrossOriginPolicy,
    private readonly later: (refuse: () => void) => void = (refuse) => void setTimeout(refuse, HOLD_MS),
  ) {
    this.unmatched = shedding.lane('ordinary');
    this.headers = [
      ...Object.entries(API_HEADERS).flat(),
      'Content-Type',
      'application/problem+json; charset=utf-8',
    ];
  }

  /** Call it before the routes are registered. */
  attach(fastify: FastifyInstance): void {
    fastify.decorateReply('lane', null);
    fastify.decorateReply('wasShed', false);
    fastify.addHook('onRoute', (route: RouteOptions) => {
      const priority = priorityOf(route.url);
      const lane = priority === null ? null : this.shedding.lane(priority);
      route.config = { ...route.config, lane };
    });
  }

  /** True when the request has its refusal, or will have it. */
  refuse(request: FastifyRequest, reply: FastifyReply): boolean {
    const { lane = this.unmatched } = request.routeOptions.config as RouteConfiguration;
    if (lane === null) return false;
    if (lane.enter() === null) {
      reply.lane = lane;
      return false;
    }
    reply.wasShed = true;
    // A browser may only read the refusal, and wait as it is told, with the fields of its origin. They also
    // answer a preflight, which is as cheap as the refusal.
    if (!this.crossOrigin.apply(request, reply)) this.hold(request, reply);
    return true;
  }

  /** The answer is sent, or nobody is there to read it. */
  end(reply: FastifyReply, elapsedMs: number): void {
    const { lane } = reply;
    if (lane === null) return;
    reply.lane = null;
    lane.leave(elapsedMs);
  }

  private hold(request: FastifyRequest, reply: FastifyReply): void {
    if (this.held >= HELD_MAX) {
      this.send(request, reply);
      return;
    }
    this.held += 1;
    this.later(() => {
      this.held -= 1;
      this.send(request, reply);
    });
  }

  private send(request: FastifyRequest, reply: FastifyReply): void {
    // An id is letters, digits, `_` and `-`: nothing to escape.
    const body = `${DOCUMENT}${request.id}"}`;
    const headers = [...this.headers, 'X-Request-Id', request.id, 'Content-Length', String(body.length)];
    for (const [name, value] of Object.entries(reply.getHeaders())) headers.push(name, String(value));
    this.turn = (this.turn + 1) % RETRY_AFTER_SECONDS.length;
    headers.push('Retry-After', RETRY_AFTER_SECONDS[this.turn] ?? '1');
    reply.hijack();
    reply.raw.writeHead(503, headers);
    reply.raw.end(body);
  }
}

import { Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { Counter } from 'prom-client';
import { Problem } from '../../common/problem.js';
import { AppConfig } from '../../config/index.js';
import { Logger } from '../../infrastructure/logging/index.js';
import { Metrics } from '../../infrastructure/metrics/index.js';
import { requestContextOf } from '../../infrastructure/tracing/index.js';
import { sendProblem } from './problem.filter.js';

/** An answer may be this much later than its deadline, for one timer instead of one per request. */
const SWEEP_INTERVAL_MS = 250;

/** A request without an answer, for the log. */
export interface OpenRequest {
  readonly requestId: string;
  readonly method: string;
  /** The pattern, never what the client sent. */
  readonly route: string;
  readonly forMs: number;
}

declare module 'fastify' {
  interface FastifyReply {
    /** Where {@link RequestDeadlines} keeps the reply while it is open; -1 elsewhere. */
    deadlineSlot: number;
  }
}

/**
 * Every request gets an answer within the deadline, counted from the arrival of its headers: 503
 * `REQUEST_DEADLINE_EXCEEDED`, or 408 when its body has not arrived either. The work goes on behind
 * that answer, because what it writes may be committed already; its own late answer is discarded.
 * An answer whose bytes are under way is left alone.
 *
 * A request takes a slot and gives it back; a sweep looks at every slot, of which there are as many as
 * requests were ever open at once. Not a Set: under churn V8 keeps chains of its outgrown tables, and with
 * them the requests they held, until a full collection (docs/capacity.md).
 */
@Injectable()
export class RequestDeadlines implements OnApplicationBootstrap, OnApplicationShutdown {
  /** A request whose client is gone stays until the next sweep. */
  private readonly slots: (FastifyReply | null)[] = [];
  private readonly freeSlots: number[] = [];
  private readonly exceeded: Counter<'method' | 'route'>;
  private readonly deadlineMs: number;
  private timer: NodeJS.Timeout | null = null;
  private onGone: (reply: FastifyReply) => void = () => undefined;

  constructor(
    { env }: AppConfig,
    private readonly logger: Logger,
    metrics: Metrics,
  ) {
    this.deadlineMs = env.REQUEST_DEADLINE_MS;
    this.exceeded = metrics.counter({
      name: 'http_deadlines_exceeded_total',
      help: 'Requests that were answered by their deadline instead of their handler',
      labelNames: ['method', 'route'],
    });
  }

  /**
   * Call it before the routes are registered.
   *
   * @param onGone told of every request whose client has hung up before its answer: Fastify's `onResponse`
   *   is not. By the sweep, because a listener of its own would cost every request.
   */
  attach(fastify: FastifyInstance, onGone: (reply: FastifyReply) => void = () => undefined): void {
    fastify.decorateReply('deadlineSlot', -1);
    this.onGone = onGone;
  }

  begin(reply: FastifyReply): void {
    const slot = this.freeSlots.pop() ?? this.slots.length;
    this.slots[slot] = reply;
    reply.deadlineSlot = slot;
  }

  end(reply: FastifyReply): void {
    const slot = reply.deadlineSlot;
    if (slot === -1) return;
    reply.deadlineSlot = -1;
    this.slots[slot] = null;
    this.freeSlots.push(slot);
  }

  /** Requests that have no answer yet, the oldest first. */
  unanswered(): OpenRequest[] {
    return this.slots
      .flatMap((reply) => (reply === null || reply.sent || reply.raw.destroyed ? [] : [describe(reply)]))
      .sort((a, b) => b.forMs - a.forMs);
  }

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => {
      this.sweep();
    }, SWEEP_INTERVAL_MS).unref();
  }

  /** After the draining, whose requests have their deadlines as well. */
  onApplicationShutdown(): void {
    if (this.timer !== null) clearInterval(this.timer);
  }

  sweep(): void {
    for (const reply of this.slots) {
      if (reply === null) continue;
      if (reply.raw.destroyed) {
        this.end(reply);
        this.onGone(reply);
        continue;
      }
      if (reply.elapsedTime < this.deadlineMs) continue;
      this.end(reply);
      // Otherwise answered, and still on its way to a slow client.
      if (!reply.sent && !reply.raw.headersSent) this.answer(reply);
    }
  }

  private answer(reply: FastifyReply): void {
    const { request } = reply;
    if (!request.raw.complete) {
      // What is still to come of the body would be taken for the next request.
      reply.header('Connection', 'close');
      sendProblem(reply, new Problem('REQUEST_TIMEOUT'), request.id);
      return;
    }
    const { forMs, ...open } = describe(reply);
    this.exceeded.inc({ method: open.method, route: open.route });
    this.logger.warn(
      { ...open, ...requestContextOf(request), durationMs: forMs },
      'a request has exceeded its deadline',
    );
    sendProblem(reply, new Problem('REQUEST_DEADLINE_EXCEEDED'), request.id);
  }
}

function describe({ request, elapsedTime }: FastifyReply): OpenRequest {
  return {
    requestId: request.id,
    method: request.method,
    route: request.routeOptions.url ?? 'unmatched',
    forMs: Math.round(elapsedTime),
  };
}

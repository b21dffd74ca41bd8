import { type Server as HttpServer } from 'node:http';
import { Server as NetServer } from 'node:net';
import type { Clock } from '../common/clock.js';
import type { Logger } from '../infrastructure/logging/index.js';

/** Keep-alive connections get this long to send a last request and be told to close. */
const KEEP_ALIVE_GRACE_MS = 1000;
const POLL_MS = 20;
/** A turn of the event loop that is this short has left connections hardly any time to arrive. */
const SHORT_TURN_MS = 0.2;
const QUIET_WAIT_MS = 250;
/** The closing gets this long even when the requests have used the whole deadline up. */
const CLOSE_MIN_MS = 1000;
/** So many requests are named in the log; the others are counted. */
const NAMED_MAX = 20;

export interface ShutdownPlan {
  readonly server: HttpServer;
  readonly clock: Clock;
  /** Accepting goes on for this long, so that balancers take notice of the readiness. */
  readonly delayMs: number;
  /** Counted from the end of the delay. */
  readonly deadlineMs: number;
  /** Requests that have arrived and whose answers are not sent to their end. */
  readonly inFlight: () => number;
  /** Those of them that have no answer at all, for the log. */
  readonly unanswered: () => readonly object[];
  /** Ends everything that is not a request: batches, jobs, connections. */
  readonly close: () => Promise<void>;
  readonly logger: Logger;
}

/**
 * Ends a process that has turned its readiness off: {@link drain}, then close, both within the
 * deadline. What is still open then is logged.
 *
 * Resolves with whether nothing was cut off; never rejects.
 */
export async function shutDown(plan: ShutdownPlan): Promise<boolean> {
  const { clock, delayMs, deadlineMs, close, logger } = plan;
  const endMs = clock.monotonicMs() + delayMs + deadlineMs;
  const isDrained = await drain(plan);
  const closeMs = Math.max(CLOSE_MIN_MS, endMs - clock.monotonicMs());
  const outcome = await Promise.race([
    close().then(
      () => 'closed' as const,
      (error: unknown) => ({ error }),
    ),
    new Promise<'late'>((resolve) => {
      setTimeout(resolve, closeMs, 'late').unref();
    }),
  ]);
  if (outcome === 'late')
    logger.warn(
      { open: countOf(process.getActiveResourcesInfo()) },
      'the shutdown deadline is over; work that has not ended is cut off',
    );
  else if (outcome !== 'closed') logger.error({ err: outcome.error }, 'the process could not close in order');
  return isDrained && outcome === 'closed';
}

/** What an orderly end would still wait for. */
export function describeOpen({ inFlight, unanswered }: Pick<ShutdownPlan, 'inFlight' | 'unanswered'>) {
  return { inFlight: inFlight(), unanswered: unanswered().slice(0, NAMED_MAX) };
}

/**
 * Ends the serving of a process that has turned its readiness off: keep accepting for the delay, then
 * only finish what is open. Each answer carries `Connection: close`, so clients leave by themselves;
 * connections that stay idle are closed after a grace, and only then, because closing one at the
 * moment its client sends a request would fail that request.
 *
 * Resolves with whether every request was answered within the deadline.
 */
async function drain(plan: ShutdownPlan): Promise<boolean> {
  const { server, clock, delayMs, deadlineMs, inFlight, logger } = plan;
  const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
  await wait(delayMs);

  const startMs = clock.monotonicMs();
  const elapsedMs = () => clock.monotonicMs() - startMs;
  await quietTurn(server, clock);
  // HttpServer.close() would close idle connections at once.
  NetServer.prototype.close.call(server);
  while (elapsedMs() < Math.min(KEEP_ALIVE_GRACE_MS, deadlineMs) && (await openConnections(server)) > 0)
    await wait(POLL_MS);
  server.closeIdleConnections();
  while (elapsedMs() < deadlineMs && inFlight() > 0) await wait(POLL_MS);
  const isDrained = inFlight() === 0;
  if (!isDrained)
    logger.warn(describeOpen(plan), 'the shutdown deadline is over; requests in flight are cut off');
  server.closeAllConnections();
  return isDrained;
}

/**
 * Resolves behind a short turn of the event loop that has accepted nobody. A listener that closes resets the
 * connections that wait for it, and a balancer may have sent its request on one already.
 */
async function quietTurn(server: HttpServer, clock: Clock): Promise<void> {
  const endMs = clock.monotonicMs() + QUIET_WAIT_MS;
  let accepted = 0;
  const count = () => {
    accepted += 1;
  };
  server.on('connection', count);
  for (let isQuiet = false; !isQuiet;) {
    const [before, fromMs] = [accepted, clock.monotonicMs()];
    await new Promise(setImmediate);
    const nowMs = clock.monotonicMs();
    isQuiet = (accepted === before && nowMs - fromMs < SHORT_TURN_MS) || nowMs >= endMs;
  }
  server.off('connection', count);
}

function countOf(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

function openConnections(server: HttpServer): Promise<number> {
  return new Promise((resolve) => {
    server.getConnections((error, count) => {
      resolve(error === null ? count : 0);
    });
  });
}

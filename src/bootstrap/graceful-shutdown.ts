import { type Server as HttpServer } from 'node:http';
import { Server as NetServer } from 'node:net';
import type { Clock } from '../common/clock.js';

/** Keep-alive connections get this long to send a last request and be told to close. */
const KEEP_ALIVE_GRACE_MS = 1000;
const POLL_MS = 20;

export interface ShutdownPlan {
  readonly server: HttpServer;
  readonly clock: Clock;
  /** Accepting goes on for this long, so that balancers take notice of the readiness. */
  readonly delayMs: number;
  /** Counted from the end of the delay. */
  readonly deadlineMs: number;
  /** Requests that have arrived and are not answered. */
  readonly inFlight: () => number;
}

/**
 * Ends the serving of a process that has turned its readiness off: keep accepting for the delay, then
 * only finish what is open. Each answer carries `Connection: close`, so clients leave by themselves;
 * connections that stay idle are closed after a grace, and only then, because closing one at the
 * moment its client sends a request would fail that request.
 *
 * Resolves with whether every request was answered within the deadline.
 */
export async function drain({
  server,
  clock,
  delayMs,
  deadlineMs,
  inFlight,
}: ShutdownPlan): Promise<boolean> {
  const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
  await wait(delayMs);

  const startMs = clock.monotonicMs();
  const elapsedMs = () => clock.monotonicMs() - startMs;
  // HttpServer.close() would close idle connections at once.
  NetServer.prototype.close.call(server);
  while (elapsedMs() < Math.min(KEEP_ALIVE_GRACE_MS, deadlineMs) && (await openConnections(server)) > 0)
    await wait(POLL_MS);
  server.closeIdleConnections();
  while (elapsedMs() < deadlineMs && inFlight() > 0) await wait(POLL_MS);
  const isClean = inFlight() === 0;
  server.closeAllConnections();
  return isClean;
}

function openConnections(server: HttpServer): Promise<number> {
  return new Promise((resolve) => {
    server.getConnections((error, count) => {
      resolve(error === null ? count : 0);
    });
  });
}

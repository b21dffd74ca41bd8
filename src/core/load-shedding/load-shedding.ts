/**
 * How soon the requests of a route are turned away when there are too many: `ordinary` first, then
 * `important`, `critical` last.
 */
export type Priority = 'critical' | 'important' | 'ordinary';

export const PRIORITIES: readonly Priority[] = ['critical', 'important', 'ordinary'];

/** Why a request was turned away: the event loop is late, or too many requests are open. */
export type ShedReason = 'delay' | 'concurrency';

/** The requests of one priority. Looked up once per route, so that a request costs a few additions. */
export interface Lane {
  readonly priority: Priority;
  /** Null admits the request, which then must {@link leave} exactly once. */
  enter(): ShedReason | null;
  /** The request has its answer, or its client is gone; `elapsedMs` since it entered. */
  leave(elapsedMs: number): void;
}

/**
 * Turns requests away before they cost anything, so that those which matter most are answered in time.
 * Every process decides for itself and at once: no store is asked, and none can fail.
 *
 * Two signals, each about what the other cannot see:
 *
 * - **The delay of the event loop.** One process has one thread; when it cannot keep up, requests wait in
 *   the loop, however short their work is. The least delay of an interval is what stands (CoDel: Nichols and
 *   Jacobson, "Controlling Queue Delay", 2012): a pause of the garbage collector is a burst, not an overload.
 *   A standing delay beyond the target raises the overload level, a delay below half of it lowers the level
 *   slowly, in between it stays, so that nothing flaps. The level takes a growing share of one priority
 *   before it touches the next (DAGOR: Zhou et al., "Overload Control for Scaling WeChat Microservices", 2018).
 * - **The number of open requests**, for work that waits elsewhere while the loop is idle. The limit follows
 *   the latency (Gradient2 of Netflix' concurrency-limits) between two configured bounds. At the limit each
 *   priority keeps a guaranteed share; that of `critical` is the upper bound itself. Its own latency does not
 *   move the limit: orders wait for their batch on purpose, and payments for a provider.
 *
 * Why the loop comes first: a cached read begins and ends in one turn of the loop, so a process can be
 * overloaded a hundred times with one request open.
 */
export abstract class LoadShedding {
  abstract lane(priority: Priority): Lane;
}

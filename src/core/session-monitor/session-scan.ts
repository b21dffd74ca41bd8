import { readBook } from './session-book.js';
import type { RunReport, ScanBudget } from './session-monitor.protocol.js';
import { SessionTally } from './session-tally.js';

/** One server that holds sessions: a Redis, or a master of a cluster. */
export interface SessionNode {
  /** The server's own time. */
  nowMs(): Promise<number>;
  /** One slice of the keyspace; only the keys of books. The cursor is '0' at the start and at the end. */
  scan(cursor: string, count: number): Promise<{ readonly cursor: string; readonly keys: readonly string[] }>;
  /** The fields of each book, in one round trip; null for one that cannot be read here. */
  readBooks(keys: readonly string[]): Promise<(Readonly<Record<string, Buffer>> | null)[]>;
  /** Removes fields, in one round trip; tells how many were there. */
  removeFields(
    removals: readonly { readonly key: string; readonly fields: readonly string[] }[],
  ): Promise<number>;
}

export interface ScanOptions {
  readonly budget: ScanBudget;
  readonly signal: AbortSignal;
  /** Resolves after so long, or rejects when the signal aborts. */
  readonly pause: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly monotonicMs: () => number;
}

/** An expired session is told from an unknown one a while longer; see session-terms.ts of core/session. */
const EXPIRED_MEMORY_MS = 60_000;

/**
 * Goes once through all books of all nodes, slice by slice. A session that has expired never comes back to
 * life, so removing one needs no transaction with its reading.
 *
 * @throws the abort reason when the signal aborts, and the driver's error when a node does not answer
 */
export async function scanSessions(
  nodes: readonly SessionNode[],
  { budget, signal, pause, monotonicMs }: ScanOptions,
): Promise<Omit<RunReport, 'loopDelayP99Ms'>> {
  const startMs = monotonicMs();
  const nowMs = Math.max(...(await Promise.all(nodes.map((node) => node.nowMs()))));
  const tally = new SessionTally(nowMs);
  let [scanCalls, scanned, cleaned, skipped] = [0, 0, 0, 0];

  for (const node of nodes) {
    let cursor = '0';
    do {
      signal.throwIfAborted();
      const slice = await node.scan(cursor, budget.count);
      scanCalls += 1;
      cursor = slice.cursor;
      if (slice.keys.length > 0) {
        const books = await node.readBooks(slice.keys);
        const removals: { key: string; fields: string[] }[] = [];
        for (const [index, key] of slice.keys.entries()) {
          const book = books[index] ?? null;
          if (book === null) {
            skipped += 1;
            continue;
          }
          scanned += 1;
          const entries = readBook(book);
          const live = entries.filter(({ untilMs }) => untilMs > nowMs);
          tally.add(tagOf(key), live);
          // A book without a live session expires by itself, and the counts of core/session with it.
          const fields = entries.filter(({ untilMs }) => untilMs + EXPIRED_MEMORY_MS <= nowMs);
          if (live.length > 0 && fields.length > 0)
            removals.push({ key, fields: fields.map(({ sessionId }) => sessionId) });
        }
        if (removals.length > 0) cleaned += await node.removeFields(removals);
      }
      if (cursor !== '0') await pause(budget.pauseMs, signal);
    } while (cursor !== '0');
  }
  const durationMs = Math.round(monotonicMs() - startMs);
  return {
    statistics: tally.statistics(new Date(nowMs + durationMs)),
    scanCalls,
    scanned,
    cleaned,
    skipped,
    durationMs,
  };
}

/** The routing tag of the user is the last part of the key of its book. */
function tagOf(key: string): string {
  return key.slice(key.lastIndexOf(':') + 1);
}

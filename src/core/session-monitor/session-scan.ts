import { readBook } from './session-book.js';
import { type PaceOptions, ScanPace } from './scan-pace.js';
import type { RunReport } from './session-monitor.protocol.js';
import { SessionTally } from './session-tally.js';

/** One server that holds sessions: a Redis, or a master of a cluster. */
export interface SessionNode {
  /** The server's own time. */
  nowMs(): Promise<number>;
  /** How many keys it holds, books and others. */
  size(): Promise<number>;
  /** One slice of the keyspace; only the keys of books. The cursor is '0' at the start and at the end. */
  scan(cursor: string, count: number): Promise<{ readonly cursor: string; readonly keys: readonly string[] }>;
  /** The fields of each book, in one round trip; null for one that cannot be read here. */
  readBooks(keys: readonly string[]): Promise<(Readonly<Record<string, Buffer>> | null)[]>;
  /** Removes fields, in one round trip; tells how many were there. */
  removeFields(
    removals: readonly { readonly key: string; readonly fields: readonly string[] }[],
  ): Promise<number>;
}

export interface ScanOptions extends Omit<PaceOptions, 'keys'> {
  readonly signal: AbortSignal;
}

/** An expired session is told from an unknown one a while longer; see session-terms.ts of core/session. */
const EXPIRED_MEMORY_MS = 60_000;
/**
 * Books that are read and counted in one step. A slice may hold none, or as many as it looks at keys; each round
 * trip costs the thread a wake-up, which costs more than a book.
 */
const BOOKS_AT_ONCE = 50;

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
  const sizes = await Promise.all(nodes.map((node) => node.size()));
  const keys = sizes.reduce((sum, size) => sum + size, 0);
  const pace = new ScanPace({ budget, keys, pause, monotonicMs });
  const count = new BookCount(nowMs);
  let scanCalls = 0;

  const step = () => {
    signal.throwIfAborted();
    return pace.rest(signal);
  };
  for (const node of nodes) {
    let cursor = '0';
    const found: string[] = [];
    do {
      await step();
      const slice = await node.scan(cursor, budget.count);
      scanCalls += 1;
      pace.countSlice();
      cursor = slice.cursor;
      found.push(...slice.keys);
      while (found.length >= BOOKS_AT_ONCE || (cursor === '0' && found.length > 0)) {
        await step();
        await count.look(node, found.splice(0, BOOKS_AT_ONCE));
      }
    } while (cursor !== '0');
  }
  const durationMs = Math.round(monotonicMs() - startMs);
  return { ...count.result(durationMs), scanCalls, durationMs };
}

/** What a run has found so far. */
class BookCount {
  private readonly tally: SessionTally;
  private scanned = 0;
  private cleaned = 0;
  private skipped = 0;

  constructor(private readonly nowMs: number) {
    this.tally = new SessionTally(nowMs);
  }

  /** Counts what lives in these books and removes what has expired. */
  async look(node: SessionNode, keys: readonly string[]): Promise<void> {
    const books = await node.readBooks(keys);
    const removals: { key: string; fields: string[] }[] = [];
    for (const [index, key] of keys.entries()) {
      const book = books[index] ?? null;
      if (book === null) {
        this.skipped += 1;
        continue;
      }
      this.scanned += 1;
      const entries = readBook(book);
      const live = entries.filter(({ untilMs }) => untilMs > this.nowMs);
      this.tally.add(tagOf(key), live);
      // A book without a live session expires by itself, and the counts of core/session with it.
      const fields = entries.filter(({ untilMs }) => untilMs + EXPIRED_MEMORY_MS <= this.nowMs);
      if (live.length > 0 && fields.length > 0)
        removals.push({ key, fields: fields.map(({ sessionId }) => sessionId) });
    }
    if (removals.length > 0) this.cleaned += await node.removeFields(removals);
  }

  result(durationMs: number): Pick<RunReport, 'statistics' | 'scanned' | 'cleaned' | 'skipped'> {
    const { scanned, cleaned, skipped } = this;
    return {
      statistics: this.tally.statistics(new Date(this.nowMs + durationMs)),
      scanned,
      cleaned,
      skipped,
    };
  }
}

/** The routing tag of the user is the last part of the key of its book. */
function tagOf(key: string): string {
  return key.slice(key.lastIndexOf(':') + 1);
}

import { ManualClock } from '../../common/manual-clock.js';
import { scanSessions, type SessionNode } from './session-scan.js';

const NOW_MS = Date.UTC(2026, 0, 31);
const HOUR_MS = 3_600_000;
const bookKeyOf = (tag: string) => `caudal:session:book:{s-0}:${tag}`;

/** As core/session writes it: hash, times of opening, last use, expiry and absolute end, and no device. */
function recordOf(untilMs: number): Buffer {
  const record = Buffer.alloc(58);
  for (const [index, ms] of [NOW_MS - 2 * HOUR_MS, NOW_MS - HOUR_MS, untilMs, untilMs].entries())
    record.writeUIntBE(ms, 32 + index * 6, 6);
  return record;
}
const live = () => recordOf(NOW_MS + HOUR_MS);
const expired = (agoMs = HOUR_MS) => recordOf(NOW_MS - agoMs);

/** What asking a FakeNode for a slice takes. */
const SLICE_MS = 2;
const clock = new ManualClock();

/** A server with so many books, which hands out as many of them a slice as it is asked for. */
class FakeNode implements SessionNode {
  scanCalls = 0;
  readonly booksRead: number[] = [];
  readonly unreadable = new Set<string>();

  constructor(readonly books: Map<string, Record<string, Buffer>>) {}

  nowMs(): Promise<number> {
    return Promise.resolve(NOW_MS);
  }

  size(): Promise<number> {
    return Promise.resolve(this.books.size);
  }

  scan(cursor: string, count: number) {
    clock.advance(SLICE_MS);
    this.scanCalls += 1;
    const keys = [...this.books.keys()];
    const end = Number(cursor) + count;
    return Promise.resolve({
      cursor: end >= keys.length ? '0' : String(end),
      keys: keys.slice(Number(cursor), end),
    });
  }

  readBooks(keys: readonly string[]) {
    this.booksRead.push(keys.length);
    return Promise.resolve(
      keys.map((key) => (this.unreadable.has(key) ? null : (this.books.get(key) ?? {}))),
    );
  }

  removeFields(removals: readonly { key: string; fields: readonly string[] }[]): Promise<number> {
    let removed = 0;
    for (const { key, fields } of removals)
      for (const field of fields) {
        const book = this.books.get(key) ?? {};
        if (field in book) removed += 1;
        Reflect.deleteProperty(book, field);
      }
    return Promise.resolve(removed);
  }
}

function nodeOf(books: Record<string, Record<string, Buffer>>): FakeNode {
  return new FakeNode(new Map(Object.entries(books).map(([tag, book]) => [bookKeyOf(tag), book])));
}

describe('a run through all sessions', () => {
  const pauses: number[] = [];
  const run = (nodes: FakeNode[], count = 100, signal = new AbortController().signal) =>
    scanSessions(nodes, {
      budget: { count, busyPercent: 20, paceMs: 60_000 },
      signal,
      pause: (ms) => {
        pauses.push(ms);
        clock.advance(ms);
        return Promise.resolve();
      },
      monotonicMs: () => clock.monotonicMs(),
    });

  beforeEach(() => {
    pauses.length = 0;
  });

  it('removes what has expired from books that live, and leaves alone what may still change or ends by itself', async () => {
    const node = nodeOf({
      anna: {
        subject: Buffer.from('anna'),
        epoch: Buffer.from('1'),
        s1: live(),
        s2: expired(),
        s3: expired(),
      },
      bert: { subject: Buffer.from('bert'), s1: expired() },
      cleo: { subject: Buffer.from('cleo'), s1: live(), s2: expired(1000) },
    });
    const { cleaned, scanned, statistics } = await run([node]);
    expect([cleaned, scanned, statistics.users, statistics.sessions]).toEqual([2, 3, 2, 2]);
    expect(Object.keys(node.books.get(bookKeyOf('anna')) ?? {})).toEqual(['subject', 'epoch', 's1']);
    expect(Object.keys(node.books.get(bookKeyOf('bert')) ?? {})).toEqual(['subject', 's1']);
    expect(Object.keys(node.books.get(bookKeyOf('cleo')) ?? {})).toEqual(['subject', 's1', 's2']);
  });

  const many = (prefix: string, count: number) =>
    nodeOf(
      Object.fromEntries(Array.from({ length: count }, (_, i) => [`${prefix}${String(i)}`, { s: live() }])),
    );

  it('goes through every master of a cluster in slices of the budget, and rests in proportion', async () => {
    const nodes = [many('a', 95), many('b', 30), many('c', 1)];
    const { scanCalls, scanned, statistics } = await run(nodes, 10);
    expect(nodes.map((node) => node.scanCalls)).toEqual([10, 3, 1]);
    expect([scanCalls, scanned, statistics.sessions]).toEqual([14, 126, 126]);
    const rest = 4 * SLICE_MS;
    expect(pauses).toEqual(Array.from({ length: scanCalls }, () => rest));
  });

  it('reads few books at once, however many or few a slice holds', async () => {
    const node = many('a', 120);
    await run([node], 1000);
    await run([node], 20);
    expect(node.booksRead).toEqual([50, 50, 20, 50, 50, 20]);
  });

  it('counts books that cannot be read, and goes on', async () => {
    const node = nodeOf({ anna: { s: live() }, bert: { s: live() } });
    node.unreadable.add(bookKeyOf('anna'));
    expect(await run([node])).toMatchObject({ skipped: 1, scanned: 1, statistics: { users: 1 } });
  });

  it('bears fields that are no records', async () => {
    const node = nodeOf({ anna: { s: live(), t: Buffer.from('short'), u: Buffer.alloc(0) } });
    expect(await run([node])).toMatchObject({ statistics: { sessions: 1 } });
  });

  it('ends between two slices when it is told to', async () => {
    const stopping = new AbortController();
    const node = nodeOf({ anna: { s: live() } });
    stopping.abort();
    await expect(run([node], 100, stopping.signal)).rejects.toThrow('aborted');
    expect(node.scanCalls).toBe(0);
  });
});

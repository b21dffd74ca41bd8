import { ManualClock } from '../../common/manual-clock.js';
import type { AppConfig } from '../../config/index.js';
import type { EventStream } from '../../core/events/index.js';
import { SoldOutHints } from './sold-out-hints.js';
import type { StockRepository } from './stock.repository.js';

/** A question to the database, answered when the test says so. */
interface Question {
  readonly variantIds: readonly string[];
  readonly answer: (available: Record<string, number>) => Promise<void>;
  readonly fail: () => Promise<void>;
}

describe('sold-out hints', () => {
  let clock: ManualClock;
  let questions: Question[];
  let restock: (variantId: string, available: number) => void;
  let hints: SoldOutHints;

  const open = (ttlMs: number) => {
    clock = new ManualClock(1000);
    questions = [];
    const events = {
      on: (_: string, listen: (event: { payload: Record<string, unknown> }) => void) => {
        restock = (variantId, available) => {
          listen({ payload: { variantId, available } });
        };
      },
    };
    const stock = {
      findAvailable: (variantIds: readonly string[]) =>
        new Promise<Map<string, number>>((resolve, reject) => {
          questions.push({
            variantIds,
            answer: async (available) => {
              resolve(new Map(Object.entries(available)));
              await settled();
            },
            fail: async () => {
              reject(new Error('no database'));
              await settled();
            },
          });
        }),
    };
    hints = new SoldOutHints(
      { env: { SOLD_OUT_HINT_TTL_MS: ttlMs } } as AppConfig,
      events as unknown as EventStream,
      clock,
      stock as unknown as StockRepository,
    );
    hints.onModuleInit();
  };
  const settled = () => new Promise<void>((resolve) => setImmediate(resolve));
  const question = (index: number): Question => {
    const found = questions[index];
    if (found === undefined) throw new Error(`question ${String(index)} was not asked`);
    return found;
  };

  beforeEach(() => {
    open(500);
    hints.observe('gone', 0, clock.monotonicMs());
  });

  it('know only what was seen sold out', () => {
    hints.observe('there', 3, clock.monotonicMs());
    expect([hints.isSoldOut('gone'), hints.isSoldOut('there'), hints.isSoldOut('other')]).toEqual([
      true,
      false,
      false,
    ]);
  });

  it('count from the moment before the database was asked, and run out', () => {
    hints.observe('slow', 0, clock.monotonicMs() - 499);
    expect(hints.isSoldOut('slow')).toBe(true);
    clock.advance(1);
    expect(hints.isSoldOut('slow')).toBe(false);
    clock.advance(498);
    expect(hints.isSoldOut('gone')).toBe(true);
    clock.advance(1);
    expect(hints.isSoldOut('gone')).toBe(false);
  });

  it('end with the news of returned stock, not with other news', () => {
    restock('gone', 0);
    restock('other', 5);
    expect(hints.isSoldOut('gone')).toBe(true);
    restock('gone', 1);
    expect(hints.isSoldOut('gone')).toBe(false);
  });

  it('are renewed by one question at a time while somebody asks, from the moment of the question', async () => {
    hints.observe('too', 0, clock.monotonicMs());
    clock.advance(249);
    expect(hints.isSoldOut('gone')).toBe(true);
    expect(questions).toHaveLength(0);
    clock.advance(1);
    for (let i = 0; i < 100; i += 1) expect(hints.isSoldOut('gone')).toBe(true);
    expect(hints.isSoldOut('too')).toBe(true);
    expect(questions.map(({ variantIds }) => variantIds)).toEqual([['gone']]);

    clock.advance(200);
    await question(0).answer({ gone: 0 });
    clock.advance(249);
    expect(hints.isSoldOut('gone')).toBe(true);
    expect(hints.isSoldOut('too')).toBe(false);
    clock.advance(51);
    expect(hints.isSoldOut('gone')).toBe(false);
  });

  it('end when the question finds units, or nothing for sale', async () => {
    hints.observe('deleted', 0, clock.monotonicMs());
    clock.advance(300);
    expect(hints.isSoldOut('gone')).toBe(true);
    await question(0).answer({ gone: 2 });
    expect(hints.isSoldOut('gone')).toBe(false);
    expect(hints.isSoldOut('deleted')).toBe(true);
    await question(1).answer({});
    expect(hints.isSoldOut('deleted')).toBe(false);
  });

  it('run out without the database', async () => {
    clock.advance(300);
    expect(hints.isSoldOut('gone')).toBe(true);
    await question(0).fail();
    expect(hints.isSoldOut('gone')).toBe(true);
    await question(1).fail();
    clock.advance(200);
    expect(hints.isSoldOut('gone')).toBe(false);
  });

  it('are none when they are switched off', () => {
    open(0);
    hints.observe('gone', 0, clock.monotonicMs());
    expect(hints.isSoldOut('gone')).toBe(false);
  });
});

import fc from 'fast-check';
import { ManualClock } from '../../common/manual-clock.js';
import {
  GroupCommitter,
  GroupDeadlineError,
  type GroupCommitOptions,
  GroupQueueFullError,
} from './group-committer.js';

class PoisonError extends Error {}

const OPTIONS: GroupCommitOptions = {
  batchMax: 8,
  queueMax: 1000,
  lingerMs: 0,
  concurrency: 1,
  deadlineMs: 1000,
};

/** A committer whose batches wait for the test to let them through. */
function createGated(options: Partial<GroupCommitOptions> = {}) {
  const clock = new ManualClock();
  const batches: {
    items: readonly number[];
    endBegins: () => void;
    commit: () => void;
    fail: (error: Error) => void;
  }[] = [];
  const committer = new GroupCommitter<number, string>(
    { ...OPTIONS, ...options },
    clock,
    (items, endBegins) =>
      new Promise((resolve, reject) => {
        batches.push({
          items,
          endBegins,
          commit: () => {
            resolve(items.map((item) => `done ${String(item)}`));
          },
          fail: reject,
        });
      }),
    (error) => error instanceof PoisonError,
  );
  const turn = () => new Promise<void>((resolve) => setImmediate(() => setImmediate(resolve)));
  return { clock, batches, committer, turn };
}

describe('a group committer', () => {
  it('decides a lone item at once', async () => {
    const { batches, committer, turn } = createGated();
    const result = committer.submit(1);
    await turn();
    expect(batches.map(({ items }) => items)).toEqual([[1]]);
    batches[0]?.commit();
    await expect(result).resolves.toBe('done 1');
  });

  it('gathers in order of arrival what comes while a batch is being decided, up to the maximum', async () => {
    const { batches, committer, turn } = createGated({ batchMax: 3 });
    const results = [committer.submit(1)];
    await turn();
    for (const item of [2, 3, 4, 5]) results.push(committer.submit(item));
    await turn();
    expect(batches).toHaveLength(1);
    batches[0]?.commit();
    await turn();
    batches[1]?.commit();
    await turn();
    batches[2]?.commit();
    await Promise.all(results);
    expect(batches.map(({ items }) => items)).toEqual([[1], [2, 3, 4], [5]]);
  });

  it('begins the next batch while one ends, and no third beside them', async () => {
    const { batches, committer, turn } = createGated({ batchMax: 2 });
    const results = [committer.submit(1)];
    await turn();
    for (const item of [2, 3, 4, 5]) results.push(committer.submit(item));
    await turn();
    expect(batches).toHaveLength(1);
    batches[0]?.endBegins();
    await turn();
    expect(batches.map(({ items }) => items)).toEqual([[1], [2, 3]]);
    batches[1]?.endBegins();
    await turn();
    expect(batches).toHaveLength(2);
    batches[0]?.commit();
    await turn();
    expect(batches.map(({ items }) => items)).toEqual([[1], [2, 3], [4, 5]]);
    batches[2]?.commit();
    batches[1]?.commit();
    await expect(Promise.all(results)).resolves.toHaveLength(5);
    await committer.whenIdle();
  });

  it('begins no small batch beside a large one that ends', async () => {
    const { batches, committer, turn } = createGated();
    const results = [1, 2, 3, 4, 5, 6].map((item) => committer.submit(item));
    await turn();
    batches[0]?.endBegins();
    results.push(committer.submit(7), committer.submit(8));
    await turn();
    expect(batches).toHaveLength(1);
    results.push(committer.submit(9));
    await turn();
    expect(batches[1]?.items).toEqual([7, 8, 9]);
    results.push(committer.submit(10));
    batches[1]?.endBegins();
    for (const batch of batches) batch.commit();
    await turn();
    // Whatever waits begins when nothing else is on its way.
    expect(batches[2]?.items).toEqual([10]);
    batches[2]?.commit();
    await Promise.all(results);
  });

  it('is not idle while a batch ends', async () => {
    const { batches, committer, turn } = createGated();
    const result = committer.submit(1);
    await turn();
    batches[0]?.endBegins();
    batches[0]?.endBegins();
    let isIdle = false;
    const idle = committer.whenIdle().then(() => {
      isIdle = true;
    });
    await turn();
    expect(isIdle).toBe(false);
    batches[0]?.commit();
    await Promise.all([result, idle]);
  });

  it('refuses what the queue has no room for, and forgets nothing that it took', async () => {
    const { batches, committer, turn } = createGated({ queueMax: 2 });
    const taken = [committer.submit(1), committer.submit(2)];
    await expect(committer.submit(3)).rejects.toBeInstanceOf(GroupQueueFullError);
    await turn();
    batches[0]?.commit();
    await expect(Promise.all(taken)).resolves.toEqual(['done 1', 'done 2']);
  });

  it('begins a batch once although the loop lets neither timers nor immediates run', async () => {
    const { clock, batches, committer, turn } = createGated();
    const results = [committer.submit(1), committer.submit(2)];
    clock.advance(100);
    results.push(committer.submit(3));
    await Promise.resolve();
    expect(batches.map(({ items }) => items)).toEqual([[1, 2, 3]]);
    await turn();
    expect(batches).toHaveLength(1);
    batches[0]?.commit();
    await Promise.all(results);
  });

  it('gives up an item that waited for its whole deadline before its batch started', async () => {
    const { batches, clock, committer, turn } = createGated();
    const first = committer.submit(1);
    await turn();
    const late = committer.submit(2);
    clock.ms += 1001;
    const inTime = committer.submit(3);
    batches[0]?.commit();
    await expect(late).rejects.toBeInstanceOf(GroupDeadlineError);
    await turn();
    expect(batches[1]?.items).toEqual([3]);
    batches[1]?.commit();
    await Promise.all([first, inTime]);
  });

  it('tells every caller of a failed batch when the failure is nobody’s fault', async () => {
    const { batches, committer, turn } = createGated();
    const results = [committer.submit(1), committer.submit(2)];
    await turn();
    batches[0]?.fail(new Error('the database is gone'));
    for (const result of results) await expect(result).rejects.toThrow('the database is gone');
    expect(batches).toHaveLength(1);
  });

  it('is idle only when nothing waits and nothing is being decided', async () => {
    const { batches, committer, turn } = createGated();
    await committer.whenIdle();
    let isIdle = false;
    const result = committer.submit(1);
    const idle = committer.whenIdle().then(() => {
      isIdle = true;
    });
    await turn();
    expect(isIdle).toBe(false);
    batches[0]?.commit();
    await Promise.all([result, idle]);
    expect(isIdle).toBe(true);
  });

  it('fails exactly the items that spoil their batches, whatever the traffic', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.boolean(), { minLength: 1, maxLength: 60 }),
        fc.integer({ min: 1, max: 16 }),
        fc.integer({ min: 1, max: 3 }),
        async (poisoned, batchMax, concurrency) => {
          const committed: number[] = [];
          const committer = new GroupCommitter<number, number>(
            { ...OPTIONS, batchMax, concurrency },
            new ManualClock(),
            async (items, endBegins) => {
              await Promise.resolve();
              if (items.length % 3 !== 0) endBegins();
              await Promise.resolve();
              if (items.some((item) => poisoned[item] === true)) throw new PoisonError();
              committed.push(...items);
              return items.map((item) => item * 2);
            },
            (error) => error instanceof PoisonError,
          );
          const results = await Promise.allSettled(poisoned.map((_, item) => committer.submit(item)));
          results.forEach((result, item) => {
            if (poisoned[item] === true) expect(result.status).toBe('rejected');
            else expect(result).toEqual({ status: 'fulfilled', value: item * 2 });
          });
          expect([...committed].sort((a, b) => a - b)).toEqual(
            poisoned.flatMap((isPoisoned, item) => (isPoisoned ? [] : [item])),
          );
        },
      ),
    );
  });
});

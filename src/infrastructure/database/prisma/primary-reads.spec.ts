import { PoolSaturatedError } from './database-outages.js';
import { PrimaryReads } from './primary-reads.js';

/** A read that ends when the test says so. */
function held() {
  let end: () => void = () => undefined;
  const isOver = new Promise<void>((resolve) => (end = resolve));
  return { read: () => isOver, end };
}

describe('reads on the writer', () => {
  const create = (waitersMax = 10, waitMs = 60_000) => {
    let sheds = 0;
    const reads = new PrimaryReads({ max: 1, waitersMax, waitMs, onShed: () => (sheds += 1) });
    return { reads, sheds: () => sheds };
  };

  it('take turns in their order, and give their place on when they fail', async () => {
    const { reads } = create();
    const first = held();
    const order: number[] = [];
    const running = reads.run(first.read);
    const others = [1, 2].map((index) =>
      reads.run(() => {
        order.push(index);
        return Promise.reject(new Error('failed'));
      }),
    );
    for (const other of others) other.catch(() => undefined);
    expect(reads.waiting).toBe(2);
    first.end();
    await running;
    for (const other of others) await expect(other).rejects.toThrow('failed');
    expect([order, reads.waiting]).toEqual([[1, 2], 0]);
    await expect(reads.run(() => Promise.resolve(7))).resolves.toBe(7);
  });

  it('are refused when too many wait, or too long', async () => {
    const { reads, sheds } = create(1, 1);
    const first = held();
    const running = reads.run(first.read);
    const late = reads.run(() => Promise.resolve());
    await expect(reads.run(() => Promise.resolve())).rejects.toBeInstanceOf(PoolSaturatedError);
    await expect(late).rejects.toBeInstanceOf(PoolSaturatedError);
    expect(sheds()).toBe(2);
    first.end();
    await running;
  });
});

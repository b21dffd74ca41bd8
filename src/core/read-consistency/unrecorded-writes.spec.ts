import { UnrecordedWrites, type WrittenPosition } from './unrecorded-writes.js';

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Redis and replicas that do what the test says; pauses end when the test says so. */
function create(options: { holdMs?: number; max?: number } = {}) {
  const world = { replayed: 0n, redisAnswers: false, refuses: new Set<string>() };
  const recorded: string[][] = [];
  let wake: (() => void) | undefined;
  const writes = new UnrecordedWrites({
    max: options.max ?? 10_000,
    rememberedMs: 60_000,
    holdMs: options.holdMs ?? 60_000,
    record: (batch) => {
      recorded.push(batch.map(([id]) => id));
      return Promise.resolve(
        batch.flatMap(([id]) => (world.redisAnswers && !world.refuses.has(id) ? [] : [id])),
      );
    },
    areReplicasPast: (position) => Promise.resolve(world.replayed >= position),
    pause: () => new Promise((resolve) => (wake = resolve)),
  });
  const nextAttempt = async () => {
    wake?.();
    await turn();
  };
  return { world, recorded, writes, nextAttempt };
}

describe('writes that Redis may not know', () => {
  it('are answered at once when the replicas have them', async () => {
    const { world, recorded, writes } = create();
    world.replayed = 7n;
    await writes.settle([['ada', 7n]]);
    expect([writes.size, recorded]).toEqual([0, []]);
  });

  it('are held until the replicas have the highest of them', async () => {
    const { world, writes, nextAttempt } = create();
    let isSettled = false;
    const settled = writes
      .settle([
        ['ada', 7n],
        ['bob', 9n],
      ])
      .then(() => (isSettled = true));
    world.replayed = 8n;
    await nextAttempt();
    expect([isSettled, writes.size]).toEqual([false, 2]);
    world.replayed = 9n;
    await nextAttempt();
    await settled;
    expect(writes.size).toBe(0);
  });

  it('are held until Redis has them, which is asked about one before it is asked about all', async () => {
    const { world, recorded, writes, nextAttempt } = create();
    const batch = ['ada', 'bob', 'eve'].map((id): WrittenPosition => [id, 7n]);
    const settled = writes.settle(batch);
    await turn();
    expect(recorded.map(({ length }) => length)).toEqual([1]);
    world.redisAnswers = true;
    await nextAttempt();
    await settled;
    expect(recorded.map(({ length }) => length)).toEqual([1, 1, 2]);
    expect(writes.size).toBe(0);
  });

  it('are answered after the hold, and pursued until they do not matter', async () => {
    const { world, writes, nextAttempt } = create({ holdMs: 1 });
    await writes.settle([['ada', 7n]]);
    expect(writes.size).toBe(1);
    world.redisAnswers = true;
    world.refuses.add('ada');
    await nextAttempt();
    expect(writes.size).toBe(1);
    world.refuses.clear();
    await nextAttempt();
    expect(writes.size).toBe(0);
  });

  it('do not hide a later write of the same principal', async () => {
    const { world, writes, nextAttempt } = create({ holdMs: 1 });
    await writes.settle([['ada', 9n]]);
    await writes.settle([['ada', 7n]]);
    world.replayed = 8n;
    await nextAttempt();
    expect(writes.size).toBe(1);
  });

  it('are bounded in number', async () => {
    const { writes } = create({ holdMs: 1, max: 2 });
    await writes.settle(['ada', 'bob', 'eve'].map((id): WrittenPosition => [id, 7n]));
    expect(writes.size).toBe(2);
  });
});

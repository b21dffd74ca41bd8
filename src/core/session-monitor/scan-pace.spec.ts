import { ManualClock } from '../../common/manual-clock.js';
import { ScanPace } from './scan-pace.js';

/** A run of so many slices of 100 keys, of which each takes so long; returns its rests. */
async function rests(
  budget: { busyPercent: number; paceMs: number },
  { keys, slices = keys / 100, tookMs }: { keys: number; slices?: number; tookMs: (slice: number) => number },
) {
  const clock = new ManualClock();
  const rested: number[] = [];
  const pace = new ScanPace({
    budget: { count: 100, ...budget },
    keys,
    pause: (ms) => {
      rested.push(ms);
      clock.advance(ms);
      return Promise.resolve();
    },
    monotonicMs: () => clock.monotonicMs(),
  });
  for (let slice = 0; slice < slices; slice += 1) {
    pace.countSlice();
    clock.advance(tookMs(slice));
    await pace.rest(new AbortController().signal);
  }
  return { rested, endedAtMs: clock.monotonicMs() };
}

describe('the pace of a run', () => {
  const TEN_PERCENT = { busyPercent: 10, paceMs: 60_000 };

  it('rests in proportion to what the step took, longer on a machine that is slow at the moment', async () => {
    const { rested } = await rests(TEN_PERCENT, { keys: 400, tookMs: (slice) => (slice === 1 ? 50 : 2) });
    expect(rested).toEqual([18, 450, 18, 18]);
  });

  it('does not rest when it may work all the time', async () => {
    const { rested } = await rests({ ...TEN_PERCENT, busyPercent: 100 }, { keys: 400, tookMs: () => 5 });
    expect(rested).toEqual([]);
  });

  it('takes as long as it may, and no longer, where resting as it likes would take longer', async () => {
    // 10,000 slices of 3 ms: 300 s at a tenth.
    const { endedAtMs, rested } = await rests(TEN_PERCENT, { keys: 1_000_000, tookMs: () => 3 });
    expect(endedAtMs).toBeGreaterThan(59_000);
    expect(endedAtMs).toBeLessThan(61_000);
    // Evenly: neither hurried at the end nor idle there.
    expect([Math.min(...rested), Math.max(...rested)]).toEqual([3, 4]);
  });

  it('does not rest at all when the time does not even suffice for the work', async () => {
    const { rested } = await rests({ busyPercent: 10, paceMs: 1000 }, { keys: 1_000_000, tookMs: () => 3 });
    expect(rested).toEqual([]);
  });

  it('rests as it likes when the server needs more slices than its number of keys says', async () => {
    const { rested } = await rests(TEN_PERCENT, { keys: 200, slices: 4, tookMs: () => 2 });
    expect(rested).toEqual([18, 18, 18, 18]);
  });

  it('saves rests that are too short for a timer until they are not', async () => {
    const { rested } = await rests({ ...TEN_PERCENT, busyPercent: 50 }, { keys: 1000, tookMs: () => 0.4 });
    expect(rested).toEqual([1, 1, 1]);
  });
});

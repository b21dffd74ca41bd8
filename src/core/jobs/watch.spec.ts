import { ManualClock } from '../../common/manual-clock.js';
import { Metrics } from '../../infrastructure/metrics/index.js';
import { Watch } from './watch.js';

describe('a watch', () => {
  const open = (measure: (clock: ManualClock) => Promise<void>) => {
    const [clock, metrics] = [new ManualClock(), new Metrics()];
    const watch = new Watch(() => measure(clock), { intervalMs: 100, clock, metrics });
    return { clock, metrics, watch };
  };
  const takes = (ms: number) => (clock: ManualClock) => {
    clock.advance(ms);
    return Promise.resolve();
  };

  it('keeps its interval while a measurement takes little of it', async () => {
    const { watch } = open(takes(5));
    await watch.run();
    expect(watch.pauseMs).toBe(100);
  });

  it('spends at most a twentieth of its time measuring, whether or not it succeeds', async () => {
    const { watch } = open(async (clock) => {
      await takes(50)(clock);
      throw new Error('the statement was too slow');
    });
    await expect(watch.run()).rejects.toThrow('too slow');
    expect(50 / (50 + watch.pauseMs)).toBeCloseTo(0.05);
  });

  it('tells what it measured for three of its pauses', async () => {
    const { clock, metrics, watch } = open(takes(50));
    const gauge = watch.gauge({ name: 'things_late', help: 'Late things' });
    await watch.run();
    gauge.measured([{ labels: {}, value: 3 }]);
    const isTold = async () => (await metrics.registry.metrics()).includes('things_late 3');
    clock.advance(3 * watch.pauseMs);
    expect(await isTold()).toBe(true);
    clock.advance(1);
    expect(await isTold()).toBe(false);
  });
});

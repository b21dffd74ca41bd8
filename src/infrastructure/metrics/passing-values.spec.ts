import { ManualClock } from '../../common/manual-clock.js';
import { Metrics } from './metrics.js';

describe('a value that one process of the fleet measures', () => {
  const clock = new ManualClock(1_000);
  const metrics = new Metrics();
  const gauge = metrics.passing({ name: 'things_late', help: 'Late things', clock, freshForMs: () => 100 });
  const samples = async () =>
    (await metrics.registry.metrics()).split('\n').filter((line) => line.startsWith('things_late'));

  it('is told only while it is fresh, and not before it was measured', async () => {
    expect(await samples()).toEqual([]);
    gauge.measured([{ labels: {}, value: 3 }]);
    clock.advance(100);
    expect(await samples()).toEqual(['things_late 3']);
    clock.advance(1);
    expect(await samples()).toEqual([]);
  });

  it('takes the place of all that was measured before', async () => {
    gauge.measured([
      { labels: { sku: 'a' }, value: 1 },
      { labels: { sku: 'b' }, value: 2 },
    ]);
    gauge.measured([{ labels: { sku: 'b' }, value: 0 }]);
    expect(await samples()).toEqual(['things_late{sku="b"} 0']);
  });
});

import { Metrics } from './metrics.js';

describe('the distributions of a metric', () => {
  const metrics = new Metrics();
  const waits = metrics.distributions({
    name: 'wait_seconds',
    help: 'Waits',
    label: 'queue',
    values: ['fast', 'slow'],
    buckets: [0.5, 2],
  });

  it('are told as histograms, the empty ones too', async () => {
    waits.slow.observe(0.5);
    waits.slow.observe(2, 3);
    waits.slow.observe(2.5);
    expect((await metrics.registry.metrics()).trim().split('\n')).toEqual([
      '# HELP wait_seconds Waits',
      '# TYPE wait_seconds histogram',
      'wait_seconds_bucket{le="0.5",queue="fast"} 0',
      'wait_seconds_bucket{le="2",queue="fast"} 0',
      'wait_seconds_bucket{le="+Inf",queue="fast"} 0',
      'wait_seconds_sum{queue="fast"} 0',
      'wait_seconds_count{queue="fast"} 0',
      'wait_seconds_bucket{le="0.5",queue="slow"} 1',
      'wait_seconds_bucket{le="2",queue="slow"} 4',
      'wait_seconds_bucket{le="+Inf",queue="slow"} 5',
      'wait_seconds_sum{queue="slow"} 9',
      'wait_seconds_count{queue="slow"} 5',
    ]);
  });
});

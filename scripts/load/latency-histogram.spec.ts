import { LatencyHistogram } from './latency-histogram.mjs';

describe('LatencyHistogram', () => {
  it('answers a percentile at most two per cent above the true one', () => {
    const histogram = new LatencyHistogram();
    for (let latencyMs = 1; latencyMs <= 1_000; latencyMs += 1) histogram.record(latencyMs);

    for (const share of [0.01, 0.5, 0.95, 0.99]) {
      expect(histogram.percentile(share)).toBeGreaterThanOrEqual(share * 1_000 * 0.9999);
      expect(histogram.percentile(share)).toBeLessThanOrEqual(share * 1_000 * 1.0201);
    }
    expect(histogram.percentile(1)).toBe(1_000);
  });

  it('never answers more than the slowest it has seen', () => {
    const histogram = new LatencyHistogram();
    histogram.record(7.3);
    expect(histogram.summary()).toEqual({ p50: 7.3, p95: 7.3, p99: 7.3 });
  });

  it('keeps what lies outside its range in the outermost buckets', () => {
    const histogram = new LatencyHistogram();
    histogram.record(0);
    histogram.record(10_000_000);
    expect(histogram.count).toBe(2);
    expect(histogram.percentile(0.5)).toBeLessThanOrEqual(0.01);
    expect(histogram.percentile(1)).toBeGreaterThan(100_000);
  });

  it('has no percentile before the first answer', () => {
    expect(new LatencyHistogram().percentile(0.5)).toBeNull();
  });
});

// Latencies in logarithmic buckets: a million answers cost the memory of a few hundred counters,
// and every percentile is at most 2 % above the true one.

const LOWEST_MS = 0.01;
const HIGHEST_MS = 120_000;
const GROWTH = 1.02;
const BUCKETS = Math.ceil(Math.log(HIGHEST_MS / LOWEST_MS) / Math.log(GROWTH)) + 1;

export class LatencyHistogram {
  #counts = new Uint32Array(BUCKETS);
  #maxMs = 0;
  count = 0;

  /** @param {number} latencyMs values outside 0.01 ms … 2 min land in the outermost bucket */
  record(latencyMs) {
    const bucket = Math.ceil(Math.log(latencyMs / LOWEST_MS) / Math.log(GROWTH));
    const index = Math.min(Math.max(bucket, 0), BUCKETS - 1);
    this.#counts[index] = (this.#counts[index] ?? 0) + 1;
    this.#maxMs = Math.max(this.#maxMs, latencyMs);
    this.count += 1;
  }

  /**
   * The latency that `share` of all answers did not exceed (nearest rank).
   *
   * @param {number} share 0 … 1
   * @returns {number | null} milliseconds, null when nothing was recorded
   */
  percentile(share) {
    if (this.count === 0) return null;
    const rank = Math.max(1, Math.ceil(share * this.count));
    let seen = 0;
    for (const [bucket, count] of this.#counts.entries()) {
      seen += count;
      if (seen >= rank) return Math.min(LOWEST_MS * GROWTH ** bucket, this.#maxMs);
    }
    return this.#maxMs;
  }

  /** @returns {{ p50: number | null, p95: number | null, p99: number | null }} milliseconds */
  summary() {
    return {
      p50: this.percentile(0.5),
      p95: this.percentile(0.95),
      p99: this.percentile(0.99),
    };
  }
}

const BUCKETS = 10;

class Bucket {
  calls = 0;
  failures = 0;
  slow = 0;

  clear(): void {
    this.calls = this.failures = this.slow = 0;
  }
}

/**
 * Counts of the results of the last `windowMs`, in ten buckets by time. A bucket whose time has passed
 * leaves at the next look, whether or not anything happened since.
 */
export class CallWindow {
  calls = 0;
  failures = 0;
  slow = 0;
  private readonly bucketMs: number;
  private readonly buckets = Array.from({ length: BUCKETS }, () => new Bucket());
  private present = new Bucket();
  /** Number of the present bucket since the clock's origin, and when it ends. */
  private presentNumber = 0;
  private endsMs = -Infinity;

  constructor(windowMs: number) {
    this.bucketMs = windowMs / BUCKETS;
  }

  add(nowMs: number, isFailure: boolean, isSlow: boolean): void {
    if (nowMs >= this.endsMs) this.advance(nowMs);
    const { present } = this;
    this.calls += 1;
    present.calls += 1;
    if (isFailure) {
      this.failures += 1;
      present.failures += 1;
    }
    if (isSlow) {
      this.slow += 1;
      present.slow += 1;
    }
  }

  /** Lets go of what is too old by now. */
  advance(nowMs: number): void {
    if (nowMs < this.endsMs) return;
    const next = Math.floor(nowMs / this.bucketMs);
    const steps = Math.min(next - this.presentNumber, BUCKETS);
    for (let step = 1; step <= steps; step += 1) this.drop(this.bucket(this.presentNumber + step));
    this.presentNumber = next;
    this.present = this.bucket(next);
    this.endsMs = (next + 1) * this.bucketMs;
  }

  clear(): void {
    this.calls = this.failures = this.slow = 0;
    for (const bucket of this.buckets) bucket.clear();
  }

  private bucket(number: number): Bucket {
    return this.buckets[number % BUCKETS] ?? this.present;
  }

  private drop(bucket: Bucket): void {
    this.calls -= bucket.calls;
    this.failures -= bucket.failures;
    this.slow -= bucket.slow;
    bucket.clear();
  }
}

/**
 * Work that is under way once at most: who joins meanwhile gets the answer of the flight that is under way, and
 * a flight that failed tells all of them. Nothing is remembered from one flight to the next.
 *
 * An answer may have been found before the last one joined. Where that matters `mustRepeat` says whether
 * something was asked since the work looked: it is asked in the very turn in which the flight ends, so whoever
 * joins has either been seen by it or begins the next flight. (`work().finally(forget)` has a gap there: who
 * joins between the end of the work and `finally` is neither.)
 */
export class SingleFlight<Result> {
  private flight: Promise<Result> | null = null;

  constructor(
    private readonly work: () => Promise<Result>,
    private readonly mustRepeat: () => boolean = () => false,
  ) {}

  /** The flight that is under way, for those who want its end and no other one. */
  get pending(): Promise<Result> | null {
    return this.flight;
  }

  /** Begins a flight unless one is under way. */
  join(): Promise<Result> {
    this.flight ??= this.fly();
    return this.flight;
  }

  private async fly(): Promise<Result> {
    try {
      for (;;) {
        const result = await this.begin();
        if (!this.mustRepeat()) return result;
      }
    } finally {
      this.flight = null;
    }
  }

  /** Work that throws at once fails later, as all work does: the flight must not end before it is noted. */
  private async begin(): Promise<Result> {
    return this.work();
  }
}

export interface HysteresisThresholds {
  /** Failures in a row that turn up into down; at least 1. */
  readonly failuresToDown: number;
  /** Successes in a row that turn down into up; at least 1. */
  readonly successesToUp: number;
}

/**
 * Up or down as it is believed after a row of observations: one odd answer changes nothing. The first
 * observation is believed at once, because there is nothing to doubt it by.
 */
export class Hysteresis {
  private believed: boolean | null = null;
  private contradictions = 0;

  constructor(private readonly thresholds: HysteresisThresholds) {}

  /** Null before the first observation. */
  get isUp(): boolean | null {
    return this.believed;
  }

  /** True while the latest observations contradict what is believed: another one is worth making soon. */
  get isInDoubt(): boolean {
    return this.contradictions > 0;
  }

  observe(isWell: boolean): void {
    if (this.believed === null) this.believed = isWell;
    if (isWell === this.believed) {
      this.contradictions = 0;
      return;
    }
    this.contradictions += 1;
    const { failuresToDown, successesToUp } = this.thresholds;
    if (this.contradictions < (isWell ? successesToUp : failuresToDown)) return;
    this.believed = isWell;
    this.contradictions = 0;
  }
}

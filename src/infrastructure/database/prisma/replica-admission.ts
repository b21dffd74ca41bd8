import { setTimeout as sleep } from 'node:timers/promises';

/** The replica did not answer a probe; the read that gets this goes to another node. */
export class ReplicaLostError extends Error {
  constructor() {
    super('the replica was lost while it was being read');
    this.name = 'ReplicaLostError';
  }
}

/** After the first failed probe; doubled by each further one. */
const FIRST_PAUSE_MS = 250;

interface ReplicaAdmissionOptions {
  /** Rejects, within a short deadline of its own, while the replica cannot serve. */
  readonly probe: () => Promise<void>;
  readonly onEjected: (reason: unknown) => void;
  readonly onReadmitted: () => void;
  /** DATABASE_REPLICA_PROBE_MS */
  readonly pauseMaxMs: number;
  readonly pause?: (ms: number) => Promise<void>;
}

/**
 * Whether one replica may be read. A failure ejects it at once; from then on only probes in the
 * background ask it, the first one immediately, and the first that succeeds lets reads in again. When a
 * probe fails as well, the reads that still wait for the replica are given up with
 * {@link ReplicaLostError}, so that one that hangs costs the reads that were in flight a deadline, and
 * no other.
 *
 * The pause between probes doubles up to a maximum. Only a read that succeeded makes it short again: a
 * replica that answers probes and nothing else is not asked more and more often.
 */
export class ReplicaAdmission {
  private readonly inFlight = new Set<() => void>();
  private state: 'admitted' | 'ejected' | 'closed' = 'admitted';
  private pauseMs = 0;
  private readonly pause: (ms: number) => Promise<void>;

  constructor(private readonly options: ReplicaAdmissionOptions) {
    // A pause does not keep the process alive.
    this.pause = options.pause ?? ((ms) => sleep(ms, undefined, { ref: false }));
  }

  get isAdmitted(): boolean {
    return this.state === 'admitted';
  }

  /** Reads that wait for an answer. */
  get pending(): number {
    return this.inFlight.size;
  }

  run<T>(read: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const giveUp = () => {
        reject(new ReplicaLostError());
      };
      this.inFlight.add(giveUp);
      read()
        .then((value) => {
          this.pauseMs = 0;
          resolve(value);
        }, reject)
        .finally(() => this.inFlight.delete(giveUp));
    });
  }

  /** Nothing happens when it is ejected already. */
  eject(reason: unknown): void {
    if (this.state !== 'admitted') return;
    this.state = 'ejected';
    this.options.onEjected(reason);
    void this.probeUntilAdmitted();
  }

  /** Ends the probing; final. */
  close(): void {
    this.state = 'closed';
  }

  private async probeUntilAdmitted(): Promise<void> {
    while (this.state === 'ejected') {
      const pauseMs = this.pauseMs;
      this.pauseMs = Math.min(Math.max(FIRST_PAUSE_MS, 2 * pauseMs), this.options.pauseMaxMs);
      if (pauseMs > 0) await this.pause(pauseMs);
      if (await this.answersProbe()) this.readmit();
    }
  }

  private async answersProbe(): Promise<boolean> {
    try {
      await this.options.probe();
      return true;
    } catch {
      for (const giveUp of this.inFlight) giveUp();
      return false;
    }
  }

  private readmit(): void {
    if (this.state !== 'ejected') return;
    this.state = 'admitted';
    this.options.onReadmitted();
  }
}

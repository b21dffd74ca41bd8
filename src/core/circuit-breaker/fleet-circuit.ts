import { newId } from '../../common/ids.js';
import { SingleFlight } from '../../common/single-flight.js';
import { isRedisUnavailable, redisKeys, type RedisService } from '../../infrastructure/redis/index.js';
import type { BreakerOptions, CallOutcome, CircuitMode } from './circuit-breaker.js';
import { circuitScripts } from './circuit-scripts.js';
import { type FleetRecord, NOTHING_DECIDED, parseFleetRecord } from './fleet-record.js';

const ROLE = 'main';

/** The state of a breaker that no process asks about any more is forgotten; the polls of any keep it. */
const STATE_LIFE_MS = 7 * 24 * 3_600_000;

/** A vote outlives two polls that were missed. */
const VOTE_LIFE_POLLS = 3;

export interface FleetOptions extends Pick<
  BreakerOptions,
  'openMs' | 'openMaxMs' | 'openJitter' | 'probes' | 'quorum'
> {
  readonly probeLeaseMs: number;
  readonly pollMs: number;
}

/** The answer to the question for a probe; no id when there is none to have at present. */
export interface Lease {
  readonly id: string | null;
}

export interface FleetObserver {
  /** True while the process's own circuit is open: its vote. */
  isTripped(): boolean;
  /** Something was decided that this process did not know; also after Redis was away. */
  decided(record: FleetRecord): void;
  /** Redis has lost what this process thought to be true: the process decides alone until further notice. */
  lost(error: unknown): void;
}

/**
 * What the fleet has decided on one breaker: read, pushed, voted on and probed through Redis. No method
 * throws; without Redis the answer is that nobody could be asked.
 */
export class FleetCircuit {
  /** The latest decision that this process has heard of. */
  known: FleetRecord = NOTHING_DECIDED;
  /** True while Redis answers. */
  isReachable = false;
  /** Commands sent, so that their rate can be watched. */
  commands = 0;
  private readonly keys;
  private readonly question = new SingleFlight(
    () => this.ask(),
    // A circuit that opened while the question was on its way must not wait for the next poll.
    () => this.isReachable && !this.votedTripped && this.observer.isTripped(),
  );
  private votedTripped = false;
  private isFresh = false;

  constructor(
    name: string,
    private readonly options: FleetOptions,
    private readonly redis: RedisService,
    private readonly processId: string,
    private readonly observer: FleetObserver,
    private readonly random: () => number = Math.random,
  ) {
    this.keys = {
      state: redisKeys.breakerState(name),
      votes: redisKeys.breakerVotes(name),
      leases: redisKeys.breakerLeases(name),
      channel: redisKeys.breakerChannel(name),
    };
  }

  /** Listens for what others decide. `ask` runs when something may have been missed. */
  listen(ask: () => void): { close(): void } {
    return this.redis.subscribe(ROLE, this.keys.channel, {
      onMessage: (message) => {
        try {
          this.learn(parseFleetRecord(message));
        } catch (error) {
          this.observer.lost(error);
        }
      },
      onGap: ask,
    });
  }

  /** Asks what is decided and votes. Of calls at the same time one asks. */
  sync(): Promise<void> {
    return this.question.join();
  }

  /** The regular {@link sync}, unless a probe has told the state in the meantime. */
  async poll(): Promise<void> {
    if (this.isFresh && this.isReachable) this.isFresh = false;
    else await this.sync();
  }

  /** Asks for the lease of a probe; null when nobody could be asked. */
  async lease(): Promise<Lease | null> {
    const leaseId = newId();
    const isGiven = await this.probe('lease', leaseId);
    return isGiven === null ? null : { id: isGiven ? leaseId : null };
  }

  /** Hands in the result of a leased probe. Null when nobody could be told; false when it was too late. */
  report(leaseId: string, outcome: CallOutcome): Promise<boolean | null> {
    return this.probe(outcome, leaseId);
  }

  /** Sets the mode for the fleet. False when Redis could not be told: then nothing has changed, or only later. */
  async setMode(mode: CircuitMode): Promise<boolean> {
    const { state, votes, leases, channel } = this.keys;
    const record = await this.attempt(() =>
      circuitScripts.modeSet.run(
        this.redis.client(ROLE),
        [state, votes, leases],
        [mode, this.known.generation, STATE_LIFE_MS, channel],
      ),
    );
    if (record === null) return false;
    this.learn(record);
    return true;
  }

  private async probe(wish: 'lease' | CallOutcome, leaseId: string): Promise<boolean | null> {
    const { probes, probeLeaseMs, openMs, openMaxMs } = this.options;
    const { state, leases, channel } = this.keys;
    const reply = await this.attempt(() =>
      circuitScripts.probeLease.run(
        this.redis.client(ROLE),
        [state, leases],
        [wish, leaseId, probes, probeLeaseMs, openMs, openMaxMs, this.factor(), STATE_LIFE_MS, channel],
      ),
    );
    if (reply === null) return null;
    this.isFresh = true;
    this.learn(reply.record);
    return reply.isGood;
  }

  private async ask(): Promise<void> {
    const isTripped = this.observer.isTripped();
    this.votedTripped = isTripped;
    const { quorum, openMs, openMaxMs, pollMs } = this.options;
    const { known } = this;
    const record = await this.attempt(() =>
      circuitScripts.breakerSync.run(
        this.redis.client(ROLE),
        [this.keys.state, this.keys.votes],
        [
          this.processId,
          isTripped ? 1 : 0,
          quorum,
          VOTE_LIFE_POLLS * pollMs,
          openMs,
          openMaxMs,
          this.factor(),
          known.generation,
          known.mode,
          known.state,
          known.openedCount,
          known.retryAtMs,
          STATE_LIFE_MS,
          this.keys.channel,
        ],
      ),
    );
    if (record !== null) this.learn(record);
  }

  private learn(record: FleetRecord): void {
    const wasReachable = this.isReachable;
    this.isReachable = true;
    // Messages and replies pass each other on their way; the later decision has the higher number.
    if (record.generation < this.known.generation) return;
    const isNews = record.generation > this.known.generation;
    this.known = record;
    // Alone, the process may have gone another way than the fleet, which still refuses calls.
    if (isNews || (!wasReachable && isRefusing(record))) this.observer.decided(record);
  }

  private async attempt<T>(command: () => Promise<T>): Promise<T | null> {
    if (!this.redis.isReady(ROLE)) {
      this.isReachable = false;
      return null;
    }
    this.commands += 1;
    try {
      return await command();
    } catch (error) {
      this.isReachable = false;
      // Whatever is wrong with the machinery of the breaker must not fail the calls it protects.
      if (!isRedisUnavailable(error)) this.observer.lost(error);
      return null;
    }
  }

  private factor(): number {
    return 1 + this.options.openJitter * this.random();
  }
}

const isRefusing = ({ mode, state }: FleetRecord) => mode === 'forced_open' || state !== 'closed';

import { deepStrictEqual as deepEqual } from 'node:assert';
import fc from 'fast-check';
import { ManualClock } from '../../common/manual-clock.js';
import type { CallOutcome, CircuitMode, CircuitState } from './circuit-breaker.js';
import { Circuit, type CircuitOptions, type Decision } from './circuit.js';

const OPTIONS: CircuitOptions = {
  windowMs: 1000,
  minimumCalls: 4,
  failureRateThreshold: 0.5,
  slowCallMs: 100,
  slowCallRateThreshold: 0.75,
  openMs: 500,
  openMaxMs: 2000,
  openJitter: 0,
  probes: 2,
  probeLeaseMs: 300,
};

/** What the circuit is meant to do, said as plainly as possible: every result is kept, every rate is counted anew. */
class ReferenceCircuit {
  state: CircuitState = 'closed';
  mode: CircuitMode = 'automatic';
  /** Calls on their way, by the period of the state they were admitted in. */
  period = 0;
  results: { tenth: number; isBad: boolean; isSlow: boolean }[] = [];
  openings = 0;
  retryAtMs = 0;
  probes = { out: 0, good: 0, lostAtMs: 0 };

  enter(state: CircuitState): void {
    Object.assign(this, {
      state,
      period: this.period + 1,
      results: [],
      probes: { out: 0, good: 0, lostAtMs: 0 },
    });
  }

  admit(nowMs: number): string | null {
    if (this.mode === 'forced_open') return 'forced_open';
    if (this.mode !== 'automatic' || this.state === 'closed') return null;
    if (this.state === 'open' && nowMs < this.retryAtMs) return 'open';
    if (this.state === 'open') this.enter('half_open');
    if (this.probes.out + this.probes.good >= OPTIONS.probes) {
      if (nowMs < this.probes.lostAtMs) return 'probing';
      this.period += 1;
      this.probes.out = 0;
    }
    this.probes = { ...this.probes, out: this.probes.out + 1, lostAtMs: nowMs + OPTIONS.probeLeaseMs };
    return null;
  }

  settle(period: number, outcome: CallOutcome, durationMs: number, nowMs: number): boolean {
    if (period !== this.period) return false;
    if (this.mode === 'disabled' || this.mode === 'forced_open') return true;
    const [isBad, isSlow] = [outcome === 'failure', durationMs >= OPTIONS.slowCallMs];
    if (this.state === 'half_open') {
      this.probes.out -= 1;
      if (outcome === 'ignored') return true;
      if (isBad || isSlow) this.open(nowMs);
      else if (++this.probes.good === OPTIONS.probes) {
        this.openings = 0;
        this.enter('closed');
      }
    } else if (outcome !== 'ignored') {
      this.results.push({ tenth: Math.floor(nowMs / 100), isBad, isSlow });
      if (this.mode !== 'automatic') return true;
      const { calls, bad, slow } = this.recent(nowMs);
      if (calls >= OPTIONS.minimumCalls && (bad / calls >= 0.5 || slow / calls >= 0.75)) this.open(nowMs);
    }
    return true;
  }

  recent(nowMs: number): { calls: number; bad: number; slow: number } {
    const recent = this.results.filter(({ tenth }) => tenth > Math.floor(nowMs / 100) - 10);
    const count = (which: 'isBad' | 'isSlow') => recent.filter((result) => result[which]).length;
    return { calls: recent.length, bad: count('isBad'), slow: count('isSlow') };
  }

  open(nowMs: number): void {
    this.openings += 1;
    this.retryAtMs = nowMs + Math.min(500 * 2 ** (this.openings - 1), 2000);
    this.enter('open');
  }
}

interface Real {
  readonly circuit: Circuit;
  readonly clock: ManualClock;
  /** Calls on their way: the generation they were admitted under, and the reference's word for it. */
  readonly running: { readonly generation: number; readonly period: number }[];
}

/** Does the same to both, then compares everything that can be seen of them. */
const command = (
  name: string,
  run: (reference: ReferenceCircuit, real: Real) => void,
): fc.Command<ReferenceCircuit, Real> => ({
  check: () => true,
  run: (reference, real) => {
    run(reference, real);
    const { circuit, clock } = real;
    const { calls, bad, slow } = reference.recent(clock.ms);
    const isEnough = calls >= OPTIONS.minimumCalls;
    // Half a million of them: expect() would take most of a minute.
    deepEqual(
      {
        state: circuit.state,
        mode: circuit.mode,
        openings: circuit.openedCount,
        retryAtMs: circuit.state === 'open' ? circuit.retryAtMs : null,
        isPassing: circuit.isPassing,
        rates: circuit.rates(clock.ms),
      },
      {
        state: reference.state,
        mode: reference.mode,
        openings: reference.openings,
        retryAtMs: reference.state === 'open' ? reference.retryAtMs : null,
        isPassing:
          reference.mode === 'automatic' ? reference.state === 'closed' : reference.mode !== 'forced_open',
        rates: {
          calls,
          failureRate: isEnough ? bad / calls : null,
          slowCallRate: isEnough ? slow / calls : null,
        },
      },
    );
  },
  toString: () => name,
});

const begin = command('begin', (reference, { circuit, clock, running }) => {
  const refusal = circuit.admit(clock.ms);
  deepEqual(refusal, reference.admit(clock.ms));
  if (refusal === null) running.push({ generation: circuit.generation, period: reference.period });
});

const COMMANDS = [
  fc.constant(begin),
  fc.constant(begin),
  fc
    .record({
      which: fc.nat(),
      outcome: fc.constantFrom<CallOutcome>('success', 'failure', 'failure', 'ignored'),
      durationMs: fc.constantFrom(0, 10, 99, 100, 400),
    })
    .map(({ which, outcome, durationMs }) =>
      command(
        `end ${String(which)} ${outcome} ${String(durationMs)}`,
        (reference, { circuit, clock, running }) => {
          const [call] = running.splice(which % Math.max(1, running.length), 1);
          if (call === undefined) return;
          deepEqual(
            circuit.settle(call.generation, outcome, durationMs, clock.ms),
            reference.settle(call.period, outcome, durationMs, clock.ms),
          );
        },
      ),
    ),
  fc.oneof(fc.integer({ min: 1, max: 150 }), fc.constantFrom(299, 300, 499, 500, 1000, 5000)).map((ms) =>
    command(`advance ${String(ms)}`, (_, { clock }) => {
      clock.advance(ms);
    }),
  ),
  fc
    .record({
      mode: fc.constantFrom<CircuitMode>('automatic', 'automatic', 'forced_open', 'disabled', 'metrics_only'),
      state: fc.constantFrom<CircuitState>('closed', 'open', 'half_open'),
      openedCount: fc.nat({ max: 3 }),
      inMs: fc.nat({ max: 600 }),
    })
    .map(({ mode, state: wanted, openedCount, inMs }) =>
      command(`adopt ${mode} ${wanted}`, (reference, { circuit, clock }) => {
        const state = mode === 'automatic' ? wanted : 'closed';
        const decision: Decision = { mode, state, openedCount, retryAtMs: clock.ms + inMs };
        circuit.adopt(decision);
        Object.assign(reference, { mode, openings: openedCount, retryAtMs: decision.retryAtMs });
        reference.enter(state);
      }),
    ),
];

const start = (options: Partial<CircuitOptions> = {}, random = () => 0) => {
  const clock = new ManualClock(1_000_000);
  const changes: string[] = [];
  const circuit = new Circuit({ ...OPTIONS, ...options }, ({ to }) => changes.push(to), random);
  return {
    clock,
    circuit,
    changes,
    /** A call that is admitted and ends at once. */
    call: (outcome: CallOutcome, durationMs = 0) => {
      expect(circuit.admit(clock.ms)).toBeNull();
      circuit.settle(circuit.generation, outcome, durationMs, clock.ms);
    },
    times: (count: number, action: () => void) => {
      for (let i = 0; i < count; i += 1) action();
    },
  };
};

describe('a circuit', () => {
  it('does what the reference does, whatever happens in whatever order', () => {
    fc.assert(
      fc.property(fc.commands(COMMANDS, { maxCommands: 120, size: 'max' }), (commands) => {
        const clock = new ManualClock(1_000_000);
        fc.modelRun(
          () => ({
            model: new ReferenceCircuit(),
            real: { circuit: new Circuit(OPTIONS), clock, running: [] },
          }),
          commands,
        );
      }),
      { numRuns: 1000 },
    );
  });

  it('opens at the threshold, not before it and not below the minimum of calls', () => {
    const { circuit, call, times } = start();
    times(3, () => {
      call('failure');
    });
    expect(circuit.state).toBe('closed');
    const second = start();
    second.times(5, () => {
      second.call('success');
    });
    second.times(4, () => {
      second.call('failure');
    });
    expect(second.circuit.state).toBe('closed');
    second.call('failure');
    expect(second.circuit.state).toBe('open');
  });

  it('opens when a success completes the minimum and the failures are too many', () => {
    const { circuit, call, times } = start();
    times(3, () => {
      call('failure');
    });
    call('success');
    expect(circuit.state).toBe('open');
  });

  it('opens on slow calls although none fails', () => {
    const { circuit, call, times } = start();
    call('success', 99);
    times(2, () => {
      call('success', 100);
    });
    expect(circuit.state).toBe('closed');
    call('success', 100);
    expect(circuit.state).toBe('open');
  });

  it('counts nothing that is older than its window, however long nobody called', () => {
    const { circuit, clock, call, times } = start();
    times(3, () => {
      call('failure');
    });
    clock.advance(60_000);
    expect(circuit.rates(clock.ms).calls).toBe(0);
    call('failure');
    expect(circuit.state).toBe('closed');
  });

  it('does not count what says nothing about the backend', () => {
    const { circuit, clock, call, times } = start();
    times(50, () => {
      call('ignored', 1000);
    });
    expect([circuit.state, circuit.rates(clock.ms).calls]).toEqual(['closed', 0]);
  });

  it('ignores a slow success that began before it opened, also while it is probed', () => {
    const { circuit, clock, call, times } = start({ probes: 1 });
    const before = circuit.generation;
    times(4, () => {
      call('failure');
    });
    clock.advance(500);
    expect(circuit.admit(clock.ms)).toBeNull();
    expect(circuit.settle(before, 'success', 1, clock.ms)).toBe(false);
    expect(circuit.state).toBe('half_open');
  });

  it('ignores a stale failure while it is probed, and keeps the probe', () => {
    const { circuit, clock, call, times } = start({ probes: 1 });
    const before = circuit.generation;
    times(4, () => {
      call('failure');
    });
    clock.advance(500);
    expect(circuit.admit(clock.ms)).toBeNull();
    const probe = circuit.generation;
    expect(circuit.settle(before, 'failure', 1, clock.ms)).toBe(false);
    expect(circuit.settle(probe, 'success', 1, clock.ms)).toBe(true);
    expect(circuit.state).toBe('closed');
  });

  it('gives the place of a probe that never ends to another one, and ignores it if it ends after all', () => {
    const { circuit, clock, call, times, changes } = start({ probes: 1 });
    times(4, () => {
      call('failure');
    });
    clock.advance(500);
    expect(circuit.admit(clock.ms)).toBeNull();
    const lost = circuit.generation;
    expect(circuit.admit(clock.ms)).toBe('probing');
    clock.advance(300);
    expect(circuit.admit(clock.ms)).toBeNull();
    expect(circuit.settle(lost, 'failure', 300, clock.ms)).toBe(false);
    circuit.settle(circuit.generation, 'success', 1, clock.ms);
    expect(changes).toEqual(['open', 'half_open', 'closed']);
  });

  it('stays open twice as long after each failed probe, up to the longest time, and forgets that when it recovers', () => {
    const { circuit, clock, call, times } = start({ probes: 1 });
    times(4, () => {
      call('failure');
    });
    for (const openMs of [500, 1000, 2000, 2000]) {
      expect(circuit.retryAtMs - clock.ms).toBe(openMs);
      clock.advance(openMs - 1);
      expect(circuit.admit(clock.ms)).toBe('open');
      clock.advance(1);
      call('failure');
    }
    clock.advance(2000);
    call('success');
    times(4, () => {
      call('failure');
    });
    expect(circuit.retryAtMs - clock.ms).toBe(500);
  });

  it('spreads its open time by chance, never below the base', () => {
    const { circuit, clock, call, times } = start({ openJitter: 0.2 }, () => 0.5);
    times(4, () => {
      call('failure');
    });
    expect(circuit.retryAtMs - clock.ms).toBe(550);
  });
});

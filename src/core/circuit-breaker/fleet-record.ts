import type { CircuitMode, CircuitState } from './circuit-breaker.js';

/** What the fleet has decided on a breaker, as its scripts say it. Times are of Redis' clock. */
export interface FleetRecord {
  /** Grows with each change; 0 while nothing was ever decided. */
  readonly generation: number;
  readonly mode: CircuitMode;
  readonly state: CircuitState;
  readonly openedCount: number;
  readonly retryAtMs: number;
  /** When the record was read. */
  readonly nowMs: number;
}

export const NOTHING_DECIDED: FleetRecord = {
  generation: 0,
  mode: 'automatic',
  state: 'closed',
  openedCount: 0,
  retryAtMs: 0,
  nowMs: 0,
};

const RECORD =
  /^(\d+) (automatic|forced_open|disabled|metrics_only) (closed|open|half_open) (\d+) (\d+) (\d+)$/;

/** @throws Error when the text is no record: a reply or a message that none of our scripts made. */
export function parseFleetRecord(text: unknown): FleetRecord {
  const match = typeof text === 'string' ? RECORD.exec(text) : null;
  if (match === null) throw new Error('not a record of a circuit breaker');
  const [, generation, mode, state, openedCount, retryAtMs, nowMs] = match;
  return {
    generation: Number(generation),
    mode: mode as CircuitMode,
    state: state as CircuitState,
    openedCount: Number(openedCount),
    retryAtMs: Number(retryAtMs),
    nowMs: Number(nowMs),
  };
}

import { bool } from 'envalid';
import { int } from './validators.js';

/** When calls to others are refused. */
export const CIRCUIT_BREAKER = {
  FEATURE_CIRCUIT_BREAKER: bool({
    default: true,
    desc: 'Circuit breakers judge and refuse calls; off, every call is made, with its deadline and cap.',
  }),
  CIRCUIT_BREAKER_WINDOW_MS: int(
    100,
    3_600_000,
  )({ default: 30_000, desc: 'Age up to which results of calls are judged by a circuit breaker.' }),
  CIRCUIT_BREAKER_MINIMUM_CALLS: int(
    1,
    1_000_000,
  )({ default: 20, desc: 'Results in that window below which a circuit breaker judges nothing.' }),
  CIRCUIT_BREAKER_FAILURE_PERCENT: int(
    1,
    100,
  )({ default: 50, desc: 'Share of failures in the window at which a circuit breaker opens.' }),
  CIRCUIT_BREAKER_SLOW_PERCENT: int(
    1,
    100,
  )({ default: 80, desc: 'Share of slow calls in the window at which a circuit breaker opens.' }),
  CIRCUIT_BREAKER_OPEN_MS: int(
    50,
    3_600_000,
  )({
    default: 5000,
    desc: 'First open time of a circuit breaker; it doubles with each opening until a recovery.',
  }),
  CIRCUIT_BREAKER_OPEN_MAX_MS: int(
    50,
    86_400_000,
  )({ default: 60_000, desc: 'Longest open time of a circuit breaker.' }),
  CIRCUIT_BREAKER_PROBES: int(
    1,
    100,
  )({
    default: 3,
    desc: 'Calls of the whole fleet that must succeed before an open circuit breaker closes.',
  }),
  CIRCUIT_BREAKER_QUORUM: int(
    1,
    1000,
  )({
    default: 2,
    desc: 'Processes whose own results must be bad before a circuit breaker opens for the fleet; each opens for itself at once.',
  }),
  CIRCUIT_BREAKER_POLL_MS: int(
    100,
    60_000,
  )({
    default: 1000,
    desc: 'Pause between two looks at what the fleet has decided, which is also pushed.',
  }),
};

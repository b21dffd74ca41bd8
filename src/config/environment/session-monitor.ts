import { bool } from 'envalid';
import { int } from './validators.js';

/** The runs through the sessions of the fleet. */
export const SESSION_MONITOR = {
  FEATURE_SESSION_MONITOR: bool({
    default: true,
    desc: 'Clean and count the sessions of the fleet, in a thread of one worker.',
  }),
  SESSION_MONITOR_INTERVAL_MS: int(
    1000,
    3_600_000,
  )({ default: 60_000, desc: 'Pause between two runs through all sessions.' }),
  SESSION_MONITOR_SCAN_COUNT: int(
    10,
    10_000,
  )({ default: 200, desc: 'Keys that one slice of a run looks at.' }),
  SESSION_MONITOR_BUSY_PERCENT: int(
    1,
    100,
  )({
    default: 10,
    desc: 'Share of its time that a run works, as long as it ends within the interval; it rests for the other.',
  }),
  SESSION_MONITOR_NICE: int(
    0,
    19,
  )({ default: 10, desc: 'Nice value of the thread of the session monitor, on Linux; 0 leaves it alone.' }),
  SESSION_MONITOR_HEARTBEAT_DEADLINE_MS: int(
    200,
    60_000,
  )({ default: 2000, desc: 'Silence after which the thread of the session monitor is replaced.' }),
};

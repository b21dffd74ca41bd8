import { RedisScript } from '../../infrastructure/redis/index.js';
import { type FleetRecord, parseFleetRecord } from './fleet-record.js';

export interface ProbeReply {
  /** The lease was given, or the result counted. */
  readonly isGood: boolean;
  readonly record: FleetRecord;
}

const file = (name: string): URL => new URL(`./scripts/${name}.lua`, import.meta.url);

/** The scripts of this folder; each file's header says what its KEYS and ARGV are. */
export const circuitScripts = {
  breakerSync: new RedisScript(file('breaker-sync'), parseFleetRecord),
  probeLease: new RedisScript(file('probe-lease'), parseProbeReply),
  modeSet: new RedisScript(file('mode-set'), parseFleetRecord),
} as const;

function parseProbeReply(reply: unknown): ProbeReply {
  const [isGood, record] = reply as [number, string];
  return { isGood: isGood === 1, record: parseFleetRecord(record) };
}

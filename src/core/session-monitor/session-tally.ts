import { createHash } from 'node:crypto';
import {
  AGE_CLASSES,
  type AgeClass,
  type BusyUser,
  DEVICE_CLASSES,
  type DeviceClass,
  type SessionStatistics,
} from './session-monitor.js';

export interface SessionTimes {
  readonly openedAtMs: number;
  readonly seenAtMs: number;
  readonly userAgent: string;
}

const HOUR_MS = 3_600_000;
const IN_USE_MS = HOUR_MS / 4;
const BUSY_USERS_MAX = 10;
const NAME_LENGTH = 12;

const AGE_LIMITS: readonly [AgeClass, number][] = [
  ['hour', HOUR_MS],
  ['day', 24 * HOUR_MS],
  ['week', 7 * 24 * HOUR_MS],
  ['month', 30 * 24 * HOUR_MS],
];

export function ageClassOf(ageMs: number): AgeClass {
  return AGE_LIMITS.find(([, limitMs]) => ageMs < limitMs)?.[0] ?? 'older';
}

/** By the words that browsers agree on; in the order in which one agent may contain another's word. */
export function deviceClassOf(userAgent: string): DeviceClass {
  if (/bot|crawler|spider|curl|wget|python|okhttp|axios|node/i.test(userAgent)) return 'bot';
  if (/ipad|tablet|kindle|silk|android(?!.*mobile)/i.test(userAgent)) return 'tablet';
  if (/iphone|ipod|mobile|android/i.test(userAgent)) return 'mobile';
  if (/windows|macintosh|x11|linux|cros/i.test(userAgent)) return 'desktop';
  return 'other';
}

/** Counts sessions, in memory that does not grow with them. */
export class SessionTally {
  private users = 0;
  private sessions = 0;
  private inUse = 0;
  private readonly byAge = zeros(AGE_CLASSES);
  private readonly byDevice = zeros(DEVICE_CLASSES);
  /** At most BUSY_USERS_MAX, the busiest first. */
  private readonly busiest: { tag: string; sessions: number }[] = [];

  constructor(private readonly nowMs: number) {}

  /** The live sessions of one user. */
  add(tag: string, sessions: readonly SessionTimes[]): void {
    if (sessions.length === 0) return;
    this.users += 1;
    this.sessions += sessions.length;
    for (const { openedAtMs, seenAtMs, userAgent } of sessions) {
      this.byAge[ageClassOf(this.nowMs - openedAtMs)] += 1;
      this.byDevice[deviceClassOf(userAgent)] += 1;
      if (this.nowMs - seenAtMs < IN_USE_MS) this.inUse += 1;
    }
    this.rank(tag, sessions.length);
  }

  statistics(takenAt: Date): SessionStatistics {
    return {
      takenAt: takenAt.toISOString(),
      users: this.users,
      sessions: this.sessions,
      inUse: this.inUse,
      byAge: { ...this.byAge },
      byDevice: { ...this.byDevice },
      busiestUsers: this.busiest.map(({ tag, sessions }): BusyUser => ({ name: opaque(tag), sessions })),
    };
  }

  private rank(tag: string, sessions: number): void {
    const last = this.busiest.at(-1);
    if (this.busiest.length >= BUSY_USERS_MAX && last !== undefined && last.sessions >= sessions) return;
    // SCAN may show the same book twice.
    const known = this.busiest.findIndex((user) => user.tag === tag);
    if (known !== -1) this.busiest.splice(known, 1);
    const place = this.busiest.findIndex((user) => user.sessions < sessions);
    this.busiest.splice(place === -1 ? this.busiest.length : place, 0, { tag, sessions });
    this.busiest.length = Math.min(this.busiest.length, BUSY_USERS_MAX);
  }
}

/** The routing tag is a keyed hash of the user, but tokens carry it: it is hashed once more. */
function opaque(tag: string): string {
  return createHash('sha256').update(`session statistics\0${tag}`).digest('base64url').slice(0, NAME_LENGTH);
}

function zeros<Name extends string>(names: readonly Name[]): Record<Name, number> {
  return Object.fromEntries(names.map((name) => [name, 0])) as Record<Name, number>;
}

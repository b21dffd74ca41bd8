import type { AppConfig } from '../../config/index.js';

/** An expired session is told from an unknown one this long, which is for metrics only. */
const EXPIRED_MEMORY_MS = 3000;
/** Clocks of the processes that issue and check access tokens, and of the store, differ by less. */
const CLOCK_MARGIN_MS = 60_000;
/** Users whose sessions ran out are counted for up to this part of an idle life more. */
const CENSUS_GRAINS = 168;

/** How long what of a session lasts, in milliseconds; all processes are configured alike. */
export interface SessionTerms {
  readonly idleMs: number;
  readonly absoluteMs: number;
  readonly expiredMemoryMs: number;
  /** An early end is told as long as an access token of the session could be valid. */
  readonly toldMs: number;
  readonly touchPauseMs: number;
  readonly censusGrainMs: number;
}

export function sessionTermsOf({ env }: Pick<AppConfig, 'env'>): SessionTerms {
  const idleMs = env.REFRESH_TOKEN_TTL_SECONDS * 1000;
  return {
    idleMs,
    absoluteMs: env.SESSION_ABSOLUTE_TTL_SECONDS * 1000,
    expiredMemoryMs: EXPIRED_MEMORY_MS,
    toldMs: env.ACCESS_TOKEN_TTL_SECONDS * 1000 + CLOCK_MARGIN_MS,
    touchPauseMs: env.SESSION_TOUCH_INTERVAL_SECONDS * 1000,
    censusGrainMs: Math.max(1000, Math.round(idleMs / CENSUS_GRAINS)),
  };
}

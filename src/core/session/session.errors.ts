import { Problem } from '../../common/problem.js';

/** Long enough for a failover by Sentinel to have a chance, short enough for a person to wait. */
const RETRY_AFTER_SECONDS = 2;

/** Links between regions are cut for minutes rather than for moments. */
const REGION_RETRY_AFTER_SECONDS = 10;

/** The session store did not answer in time or is not reachable. The effect of the call is not known. */
export class SessionStoreUnavailable extends Problem {
  constructor(cause: unknown) {
    super('SESSION_STORE_UNAVAILABLE', { retryAfterSeconds: RETRY_AFTER_SECONDS, cause });
    this.name = 'SessionStoreUnavailable';
  }
}

/**
 * The home region of the session cannot be reached from here, and nobody else may change the session.
 * The effect of the call there is not known; what it did in other regions stands.
 */
export class SessionRegionUnavailable extends Problem {
  constructor(region: string, cause: unknown) {
    super('SESSION_REGION_UNAVAILABLE', {
      retryAfterSeconds: REGION_RETRY_AFTER_SECONDS,
      extensions: { region },
      cause,
    });
    this.name = 'SessionRegionUnavailable';
  }
}

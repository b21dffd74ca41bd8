import { Problem } from '../../common/problem.js';

/** Long enough for a failover by Sentinel to have a chance, short enough for a person to wait. */
const RETRY_AFTER_SECONDS = 2;

/** The session store did not answer in time or is not reachable. The effect of the call is not known. */
export class SessionStoreUnavailable extends Problem {
  constructor(cause: unknown) {
    super('SESSION_STORE_UNAVAILABLE', { retryAfterSeconds: RETRY_AFTER_SECONDS, cause });
    this.name = 'SessionStoreUnavailable';
  }
}

import { Problem } from '../../common/problem.js';

const RETRY_AFTER_SECONDS = 2;

/** The Redis of the sessions did not answer. */
export class SessionStatisticsUnavailable extends Problem {
  constructor(cause: unknown) {
    super('SESSION_STORE_UNAVAILABLE', { retryAfterSeconds: RETRY_AFTER_SECONDS, cause });
    this.name = 'SessionStatisticsUnavailable';
  }
}

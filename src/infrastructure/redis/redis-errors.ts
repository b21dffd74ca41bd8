const UNAVAILABLE =
  /Command timed out|Connection is closed|Stream isn't writeable|max retries per request|ECONNREFUSED|ECONNRESET|ETIMEDOUT|^(LOADING|MASTERDOWN|CLUSTERDOWN|READONLY|TRYAGAIN)/;

/** True when Redis cannot be reached, hangs, or is not able to serve: callers degrade instead of failing. */
export function isRedisUnavailable(error: unknown): boolean {
  return error instanceof Error && UNAVAILABLE.test(error.message);
}

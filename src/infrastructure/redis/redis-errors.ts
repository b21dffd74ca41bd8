/** What a server that is there answers while it cannot serve, also inside an answer of the cluster client. */
const SERVER_CANNOT_SERVE =
  /(^|Last error: (ReplyError: )?)(LOADING|MASTERDOWN|CLUSTERDOWN|READONLY|TRYAGAIN|MOVED|ASK|NOREPLICAS|MISCONF|OOM|BUSY) /;

/** What the client says when it has no connection, or its command got no answer in time. */
const NO_ANSWER = new RegExp(
  [
    'Command timed out',
    'Command aborted due to connection close',
    'Connection is closed',
    "Stream isn't writeable",
    'Socket timeout',
    'max retries per request',
    "Cluster isn't ready",
    'Cluster is (ended|disconnect)',
    'Failed to refresh slots cache',
    'None of startup nodes is available',
    'All sentinels are unreachable',
    'ECONNREFUSED|ECONNRESET|ETIMEDOUT|EPIPE|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN',
  ].join('|'),
);

/**
 * True when Redis cannot be reached, hangs, or is not able to serve (it loads its data, has no master,
 * cannot write): callers degrade instead of failing. False for answers that mean a mistake of ours.
 */
export function isRedisUnavailable(error: unknown): boolean {
  return error instanceof Error && (SERVER_CANNOT_SERVE.test(error.message) || NO_ANSWER.test(error.message));
}

/** True when the server understood the command and its user may not run it, or nobody may. */
export function isRedisForbidden(error: unknown): boolean {
  return error instanceof Error && /^(NOPERM|ERR unknown (sub)?command) ?/i.test(error.message);
}

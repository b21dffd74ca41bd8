import { isRedisUnavailable } from './redis-errors.js';

describe('isRedisUnavailable', () => {
  it.each([
    'Command timed out',
    'Connection is closed.',
    "Stream isn't writeable and enableOfflineQueue options is false",
    'Reached the max retries per request limit (which is 0). Refer to "maxRetriesPerRequest" option for details.',
    'connect ECONNREFUSED 127.0.0.1:6379',
    'getaddrinfo ENOTFOUND redis',
    "Cluster isn't ready",
    'Failed to refresh slots cache.',
    'All sentinels are unreachable and retry is disabled. Last error: connect ECONNREFUSED',
    'LOADING Redis is loading the dataset in memory',
    "READONLY You can't write against a read only replica.",
    'MASTERDOWN Link with MASTER is down',
    'CLUSTERDOWN The cluster is down',
    'TRYAGAIN Multiple keys request during rehashing of slot',
    'MOVED 3999 127.0.0.1:6381',
    'ASK 3999 127.0.0.1:6381',
    'Too many Cluster redirections. Last error: ReplyError: MOVED 3999 127.0.0.1:6381',
    'MISCONF Redis is configured to save RDB snapshots, but it is currently unable to persist to disk.',
    "OOM command not allowed when used memory > 'maxmemory'.",
    'BUSY Redis is busy running a script.',
    'Command aborted due to connection close',
  ])('takes "%s" for an outage', (message) => {
    expect(isRedisUnavailable(new Error(message))).toBe(true);
  });

  it.each([
    'WRONGTYPE Operation against a key holding the wrong kind of value',
    'NOSCRIPT No matching script. Please use EVAL.',
    "CROSSSLOT Keys in request don't hash to the same slot",
    'BUSYGROUP Consumer Group name already exists',
    'ERR user_script:1: LOADING the data failed',
    'NOPERM this user has no permissions',
  ])('takes "%s" for a mistake', (message) => {
    expect(isRedisUnavailable(new Error(message))).toBe(false);
  });

  it('takes only errors for outages', () => {
    expect(
      [undefined, null, 'Command timed out', { message: 'Command timed out' }].map(isRedisUnavailable),
    ).toEqual([false, false, false, false]);
  });
});

import { bool, makeValidator, port, str } from 'envalid';

export type Role = 'api' | 'worker' | 'all';
export type LogLevel = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent';
export type AccessLogPolicy = 'all' | 'writes' | 'errors';
export type SessionLimitPolicy = 'evict' | 'reject';

const int = (min: number, max: number) =>
  makeValidator<number>((input) => {
    const value = Number(input);
    if (!Number.isInteger(value) || value < min || value > max) {
      throw new Error(`expected an integer from ${String(min)} to ${String(max)}, got "${input}"`);
    }
    return value;
  });

const ratio = makeValidator<number>((input) => {
  const value = Number(input);
  if (input === '' || !(value >= 0 && value <= 1))
    throw new Error(`expected a number from 0 to 1, got "${input}"`);
  return value;
});

const list = makeValidator<string[]>((input) =>
  input
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== ''),
);

/** Empty, or what registration would accept. */
const emailAddress = makeValidator<string>((input) => {
  if (input !== '' && !/^[^\s@]+@[^\s@]+$/.test(input))
    throw new Error(`expected an e-mail address, got "${input}"`);
  return input;
});
const password = makeValidator<string>((input) => {
  if (input !== '' && (input.length < 8 || input.length > 128))
    throw new Error('expected 8 to 128 characters');
  return input;
});

/** What a region may be called: it stands in front of session ids and in metrics. */
export const REGION_NAME = /^[a-z][a-z0-9-]{0,15}$/;

const regionName = makeValidator<string>((input) => {
  if (!REGION_NAME.test(input))
    throw new Error(`expected 1 to 16 of a-z, 0-9 and -, a letter first, got "${input}"`);
  return input;
});

/** Several hosts, as libpq writes them, are no URL to the platform's parser; each of them is. */
const postgresUrl = makeValidator<string>((input) => {
  if (!/^postgres(?:ql)?:\/\/[^/\s]/.test(input))
    throw new Error('expected a URL starting with postgres:// or postgresql://');
  return input;
});

/**
 * Every setting of the process: name, range, default, meaning. docs/configuration.md is kept equal
 * to this table by a test.
 */
export const ENVIRONMENT = {
  ROLE: str<Role>({
    choices: ['api', 'worker', 'all'],
    default: 'all',
    desc: 'What the process does: serve requests, run background work, or both.',
  }),
  PORT: port({ default: 3000, desc: 'Port of the public API.' }),
  MANAGEMENT_PORT: port({ default: 9464, desc: 'Port of /metrics and the probes; no ingress exposes it.' }),
  HOST: str({ default: '0.0.0.0', desc: 'Address to listen on.' }),
  LOG_LEVEL: str<LogLevel>({
    choices: ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'],
    default: 'info',
    desc: 'Least severe level that is logged.',
  }),
  ACCESS_LOG: str<AccessLogPolicy>({
    choices: ['all', 'writes', 'errors'],
    default: 'writes',
    desc: 'Requests that get a log line: every one; writes and failures; failures only. The gateway logs every request anyway.',
  }),
  TRUST_PROXY_HOPS: int(
    0,
    10,
  )({ default: 0, desc: 'How many proxies in front are believed in X-Forwarded-For.' }),
  PUBLIC_ORIGINS: list({
    default: [],
    desc: 'Web origins that may call the API with cookies (CORS and the Origin check), comma separated.',
  }),
  BODY_LIMIT_BYTES: int(1024, 10_485_760)({ default: 65_536, desc: 'Largest request body.' }),
  REQUEST_TIMEOUT_MS: int(1000, 120_000)({ default: 15_000, desc: 'Longest time for a request to arrive.' }),
  REQUEST_DEADLINE_MS: int(
    100,
    120_000,
  )({
    default: 15_000,
    desc: 'Longest time from the headers of a request to its answer, which then is a 503.',
  }),
  SHUTDOWN_DELAY_MS: int(
    0,
    60_000,
  )({
    default: 0,
    desc: 'Time between SIGTERM and the end of accepting, for balancers to take notice (5000 in Kubernetes).',
  }),
  SHUTDOWN_DEADLINE_MS: int(
    1000,
    120_000,
  )({ default: 20_000, desc: 'Longest time to finish work in flight after the delay.' }),
  STARTUP_DEADLINE_MS: int(
    1000,
    600_000,
  )({ default: 30_000, desc: 'How long the start waits for PostgreSQL.' }),

  HEALTH_CHECK_DEADLINE_MS: int(
    20,
    10_000,
  )({ default: 500, desc: 'Longest time for one dependency to answer a health check.' }),
  HEALTH_FAILURES_TO_DOWN: int(
    1,
    20,
  )({ default: 2, desc: 'Failed checks in a row, a second apart, after which a dependency counts as down.' }),
  HEALTH_SUCCESSES_TO_UP: int(
    1,
    20,
  )({ default: 2, desc: 'Good checks in a row after which it counts as up again.' }),

  DATABASE_URL: postgresUrl({
    desc: 'The writer: primary, or the read-write entry of PgBouncer. Several hosts (`a:5432,b:5432`): whichever of them is the primary; replicas that are promoted are found too.',
  }),
  DATABASE_REPLICA_URLS: list({
    default: [],
    desc: 'Read replicas, comma separated; without any, reads go to the writer.',
  }),
  DATABASE_WRITE_POOL_SIZE: int(
    1,
    200,
  )({ default: 40, desc: 'Largest number of connections to the writer.' }),
  DATABASE_READ_POOL_SIZE: int(
    1,
    200,
  )({ default: 60, desc: 'Largest number of connections to all replicas together.' }),
  DATABASE_CONNECTION_LIMIT: int(
    2,
    400,
  )({
    default: 100,
    desc: 'Cap on the connections of this process; both pools shrink in proportion to fit.',
  }),
  DATABASE_ACQUIRE_TIMEOUT_MS: int(
    50,
    30_000,
  )({ default: 2000, desc: 'Longest wait for a free connection.' }),
  DATABASE_WAITERS_MAX: int(
    1,
    100_000,
  )({ default: 1000, desc: 'Callers that may wait for a connection of one pool; more get a 503 at once.' }),
  DATABASE_STATEMENT_TIMEOUT_MS: int(100, 120_000)({ default: 5000, desc: 'Longest run of one statement.' }),
  DATABASE_TRANSACTION_TIMEOUT_MS: int(
    100,
    600_000,
  )({ default: 15_000, desc: 'Longest run of one transaction; its connection is then closed.' }),
  DATABASE_CONNECTION_LIFETIME_SECONDS: int(
    10,
    86_400,
  )({ default: 1800, desc: 'Life of a connection, lengthened by up to a third at random.' }),
  DATABASE_PRIMARY_READS_MAX: int(
    1,
    200,
  )({
    default: 20,
    desc: 'Reads that may run on the writer at once where replicas are configured; more wait, then get a 503.',
  }),
  DATABASE_WATCH_INTERVAL_MS: int(
    50,
    60_000,
  )({ default: 1000, desc: 'Pause between two looks at each node: its role, timeline and lag.' }),
  DATABASE_REPLICA_PROBE_MS: int(
    250,
    600_000,
  )({ default: 30_000, desc: 'Longest pause between two probes of a replica that is left alone.' }),
  FEATURE_REPLICA_READS: bool({
    default: true,
    desc: 'Reads go to replicas; off: every read goes to the writer, and replicas only stand by for it.',
  }),

  REDIS_URL: str({
    default: 'redis://127.0.0.1:6379',
    desc: 'Main Redis: notes, events, leases. One server, Sentinel (`redis+sentinel://`) or Cluster (`redis+cluster://`).',
  }),
  REDIS_RATE_LIMIT_URL: str({
    default: '',
    desc: 'Redis of the rate limits; empty: the main one.',
  }),
  REDIS_SESSION_URL: str({ default: '', desc: 'Redis of the sessions; empty: the main one.' }),
  REGION: regionName({
    default: 'local',
    desc: 'Name of the region of this process, the home of the sessions that are opened here.',
  }),
  REDIS_SESSION_REGIONS: str({
    default: '',
    desc: 'Redis of the sessions of the other regions: `name=url`, comma separated; empty: there is one region.',
  }),
  REDIS_SESSION_REGIONS_TIMEOUT_MS: int(
    10,
    10_000,
  )({ default: 1000, desc: 'Deadline of every Redis command to another region.' }),
  REDIS_CACHE_URL: str({
    default: '',
    desc: 'Redis of the cache, the only one that may evict; empty: the main one.',
  }),
  REDIS_ALLOW_UNSAFE_SETTINGS: bool({
    default: false,
    desc: 'Start although a Redis may evict keys in use or forgets at a restart; for development.',
  }),
  REDIS_COMMAND_TIMEOUT_MS: int(5, 10_000)({ default: 50, desc: 'Deadline of every Redis command.' }),

  JWT_PRIVATE_KEY: str({ default: '', desc: 'RSA private key (PEM) that signs access tokens.' }),
  JWT_PRIVATE_KEY_FILE: str({ default: '', desc: 'File with that key.' }),
  JWT_PREVIOUS_PUBLIC_KEY_FILES: list({
    default: [],
    desc: 'Public keys (PEM files) of retired signing keys that are still accepted, comma separated.',
  }),
  ACCESS_TOKEN_TTL_SECONDS: int(30, 3600)({ default: 900, desc: 'Life of an access token.' }),
  REFRESH_TOKEN_TTL_SECONDS: int(
    1,
    7_776_000,
  )({
    default: 604_800,
    desc: 'Idle timeout: life of a session and of its refresh token since the last use.',
  }),
  SESSION_ABSOLUTE_TTL_SECONDS: int(
    1,
    7_776_000,
  )({
    default: 2_592_000,
    desc: 'Absolute timeout: life of a session however much it is used (30 days, NIST SP 800-63B).',
  }),
  SESSIONS_PER_USER_MAX: int(1, 50)({ default: 50, desc: 'Most sessions of one user.' }),
  SESSION_LIMIT_POLICY: str<SessionLimitPolicy>({
    choices: ['evict', 'reject'],
    default: 'evict',
    desc: 'One session more than that: ends the one that would end first, or is refused.',
  }),
  SESSION_TOUCH_INTERVAL_SECONDS: int(
    1,
    3600,
  )({ default: 300, desc: 'Least pause between two notes that a session is in use.' }),
  SESSION_REVOCATION_POLL_MS: int(
    100,
    60_000,
  )({
    default: 2000,
    desc: 'Pause between two looks for ended sessions, which are pushed as well: the longest that a process misses one.',
  }),
  FEATURE_SESSION_REVOCATION: bool({
    default: true,
    desc: 'Access tokens of ended sessions are refused at once; off: they work until they expire.',
  }),
  FEATURE_SESSION_TOUCH: bool({
    default: true,
    desc: 'Requests note that their session is in use; off: only refreshes do.',
  }),
  FIELD_ENCRYPTION_KEYS: str({
    default: '',
    desc: 'Keys for personal data: `id:base64(32 bytes)`, comma separated; the first encrypts, all decrypt.',
  }),
  BLIND_INDEX_KEY: str({
    default: '',
    desc: 'Key (base64, 32 bytes) of the keyed hash that finds an encrypted e-mail address.',
  }),
  CURSOR_SIGNING_KEY: str({
    default: '',
    desc: 'Key (base64, 32 bytes) that signs list cursors; the same on every instance.',
  }),
  REFUSE_EPHEMERAL_KEYS: bool({
    default: false,
    desc: 'Refuse to start when a key is not configured, instead of making one that ends with the process; the image sets it.',
  }),
  PASSWORD_HASH_THREADS: int(1, 16)({ default: 2, desc: 'Threads that hash passwords.' }),
  PASSWORD_HASH_QUEUE_MAX: int(
    1,
    10_000,
  )({ default: 200, desc: 'Passwords that may wait for a thread; more are refused.' }),

  ADMIN_EMAIL: emailAddress({
    default: '',
    desc: 'Address of the administrator whom the seed makes when there is none; empty: it makes nobody.',
  }),
  ADMIN_PASSWORD: password({ default: '', desc: 'Password of that administrator; used once.' }),

  DEFAULT_CURRENCY: str({ default: 'USD', desc: 'Currency of prices when a request names none (ISO 4217).' }),
  RESERVATION_TTL_SECONDS: int(1, 86_400)({ default: 600, desc: 'Life of an unpaid reservation.' }),
  ORDER_BATCH_MAX: int(1, 2000)({ default: 512, desc: 'Most orders decided in one transaction.' }),
  ORDER_BATCH_LINGER_MS: int(
    0,
    50,
  )({ default: 0, desc: 'Time a batch waits for company when the committer is idle.' }),
  ORDER_BATCH_CONCURRENCY: int(
    1,
    8,
  )({ default: 1, desc: 'Batches of one process that may be in the database at once.' }),
  ORDER_QUEUE_MAX: int(
    1,
    100_000,
  )({ default: 8192, desc: 'Orders that may wait for a batch; more are refused.' }),
  ORDER_DEADLINE_MS: int(100, 60_000)({ default: 5000, desc: 'Longest wait of one order for its decision.' }),
  ORDER_LINES_MAX: int(1, 500)({ default: 50, desc: 'Most lines of one order or cart.' }),
  ORDER_LINE_QUANTITY_MAX: int(1, 100_000)({ default: 100, desc: 'Largest quantity of one line.' }),
  SOLD_OUT_HINT_TTL_MS: int(
    0,
    1000,
  )({
    default: 500,
    desc: 'How long sold-out knowledge turns away buyers unless it is renewed meanwhile; 0 switches it off.',
  }),
  SWEEPER_INTERVAL_MS: int(
    100,
    60_000,
  )({ default: 1000, desc: 'Pause between two sweeps for expired reservations.' }),
  SWEEPER_BATCH_MAX: int(1, 5000)({ default: 200, desc: 'Most orders expired in one transaction.' }),
  WATCH_INTERVAL_MS: int(
    100,
    60_000,
  )({
    default: 5000,
    desc: 'Pause between two measurements of what is late or wrong in PostgreSQL: outbox, reservations, stock.',
  }),
  WATCHED_SKUS: list({
    default: [],
    desc: 'SKUs whose units left are shown in the metrics, comma separated: those of the running sale. At most the first 20.',
  }),
  OUTBOX_INTERVAL_MS: int(
    10,
    10_000,
  )({ default: 100, desc: 'Pause of the outbox relay when it finds nothing.' }),
  OUTBOX_BATCH_MAX: int(1, 10_000)({ default: 1000, desc: 'Most events relayed at once.' }),
  PAYMENT_PROVIDER_TIMEOUT_MS: int(
    50,
    60_000,
  )({ default: 3000, desc: 'Deadline of one call of the payment provider.' }),
  PAYMENT_PROVIDER_CONCURRENCY_MAX: int(
    1,
    100_000,
  )({
    default: 200,
    desc: 'Calls of the payment provider that one process may have on their way; more are refused.',
  }),
  PAYMENT_RECONCILE_AFTER_MS: int(
    100,
    3_600_000,
  )({ default: 30_000, desc: 'Age at which an unsettled payment is looked up at its provider.' }),
  MOVEMENT_RETENTION_MONTHS: int(
    0,
    240,
  )({ default: 0, desc: 'Months of stock movements that stay attached; 0 keeps all.' }),
  OUTBOX_RETENTION_DAYS: int(1, 365)({ default: 7, desc: 'Days of published outbox events that are kept.' }),
  CACHE_MAX_BYTES: int(
    1_048_576,
    4_294_967_296,
  )({ default: 67_108_864, desc: 'Memory for ready-made catalogue answers.' }),
  CACHE_TTL_SECONDS: int(
    1,
    3600,
  )({ default: 60, desc: 'Longest life of a cached catalogue answer, jittered by a tenth.' }),
  RATE_LIMIT_ENABLED: bool({ default: true, desc: 'Switch of all rate limits.' }),
  RATE_LIMIT_PER_MINUTE: int(
    1,
    10_000_000,
  )({ default: 1200, desc: 'Requests per minute and client address.' }),
  RATE_LIMIT_AUTH_PER_MINUTE: int(
    1,
    10_000_000,
  )({ default: 30, desc: 'Registrations, log-ins and refreshes per minute and client address.' }),
  RATE_LIMIT_USER_PER_MINUTE: int(
    1,
    10_000_000,
  )({ default: 1200, desc: 'Requests per minute and signed-in user, from whatever addresses.' }),
  RATE_LIMIT_API_KEY_PER_MINUTE: int(
    1,
    10_000_000,
  )({ default: 6000, desc: 'Requests per minute and API key, instead of those of its address.' }),
  RATE_LIMIT_API_KEYS: list({
    default: [],
    desc: 'Known API keys (header `X-Api-Key`): `name:SHA-256 in hex`, comma separated. An unknown key counts for nothing.',
  }),
  RATE_LIMIT_LOGIN_PER_QUARTER_HOUR: int(
    1,
    10_000,
  )({ default: 10, desc: 'Failed log-ins per quarter of an hour, account and client network.' }),
  RATE_LIMIT_LOGIN_PER_HOUR: int(
    1,
    100_000,
  )({
    default: 30,
    desc: 'Failed log-ins per hour and account from all networks where its owner has not signed in within 30 days.',
  }),
  RATE_LIMIT_LOGIN_PER_DAY: int(1, 100_000)({ default: 100, desc: 'The same per day.' }),
  RATE_LIMIT_REGISTRATIONS_PER_HOUR: int(
    1,
    10_000,
  )({ default: 10, desc: 'Attempts per hour to register one e-mail address.' }),
  RATE_LIMIT_SHADOW: list({
    default: [],
    desc: 'Policies that count and refuse nobody, comma separated, of `default`, `auth`, `user`, `api-key`, `login`, `login-account`, `login-account-day`, `registration`.',
  }),
  RATE_LIMIT_DENY_WITHOUT_REDIS: list({
    default: [],
    desc: 'Policies of the same list under which nobody passes while Redis is away; the others are decided from memory.',
  }),
  RATE_LIMIT_EXPECTED_PODS: int(
    1,
    10_000,
  )({
    default: 1,
    desc: 'Processes that share the limits, until Redis has told how many there are.',
  }),
  FEATURE_RATE_LIMITER: bool({
    default: true,
    desc: 'Rate limits are shared by all processes through Redis; off: each process limits by itself.',
  }),

  FEATURE_LOAD_SHEDDING: bool({
    default: true,
    desc: 'Turn requests away in an overload, the least important first.',
  }),
  LOAD_SHEDDING_DELAY_TARGET_MS: int(
    1,
    1000,
  )({ default: 50, desc: 'Standing delay of the event loop from which on requests are turned away.' }),
  LOAD_SHEDDING_LIMIT_MIN: int(
    1,
    100_000,
  )({ default: 256, desc: 'Lower bound of the adaptive limit on open requests.' }),
  LOAD_SHEDDING_LIMIT_MAX: int(
    1,
    100_000,
  )({ default: 10_000, desc: 'Its upper bound, and the most open requests of critical routes.' }),
  LOAD_SHEDDING_IMPORTANT_SHARE_PERCENT: int(
    0,
    100,
  )({
    default: 30,
    desc: 'Share of the limit that carts, accounts and administration keep when it is reached.',
  }),
  LOAD_SHEDDING_ORDINARY_SHARE_PERCENT: int(
    0,
    100,
  )({ default: 10, desc: 'Share of the limit that browsing keeps when it is reached.' }),
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
  FEATURE_CIRCUIT_BREAKER: bool({
    default: true,
    desc: 'Circuit breakers judge and refuse calls; off, every call is made, with its deadline and cap.',
  }),
  CIRCUIT_BREAKER_WINDOW_MS: int(
    100,
    3_600_000,
  )({ default: 30_000, desc: 'Age up to which results of calls are judged by a circuit breaker.' }),
  CIRCUIT_BREAKER_MINIMUM_CALLS: int(
    1,
    1_000_000,
  )({ default: 20, desc: 'Results in that window below which a circuit breaker judges nothing.' }),
  CIRCUIT_BREAKER_FAILURE_PERCENT: int(
    1,
    100,
  )({ default: 50, desc: 'Share of failures in the window at which a circuit breaker opens.' }),
  CIRCUIT_BREAKER_SLOW_PERCENT: int(
    1,
    100,
  )({ default: 80, desc: 'Share of slow calls in the window at which a circuit breaker opens.' }),
  CIRCUIT_BREAKER_OPEN_MS: int(
    50,
    3_600_000,
  )({
    default: 5000,
    desc: 'First open time of a circuit breaker; it doubles with each opening until a recovery.',
  }),
  CIRCUIT_BREAKER_OPEN_MAX_MS: int(
    50,
    86_400_000,
  )({ default: 60_000, desc: 'Longest open time of a circuit breaker.' }),
  CIRCUIT_BREAKER_PROBES: int(
    1,
    100,
  )({
    default: 3,
    desc: 'Calls of the whole fleet that must succeed before an open circuit breaker closes.',
  }),
  CIRCUIT_BREAKER_QUORUM: int(
    1,
    1000,
  )({
    default: 2,
    desc: 'Processes whose own results must be bad before a circuit breaker opens for the fleet; each opens for itself at once.',
  }),
  CIRCUIT_BREAKER_POLL_MS: int(
    100,
    60_000,
  )({
    default: 1000,
    desc: 'Pause between two looks at what the fleet has decided, which is also pushed.',
  }),
  FEATURE_AUDIT_LOG: bool({ default: true, desc: 'The audit log: who did what to what.' }),
  AUDIT_PARTITIONS: int(
    1,
    64,
  )({
    default: 4,
    desc: 'Streams of the audit log, shared out by resource; may grow, and shrink once the others are empty.',
  }),
  AUDIT_BUFFER_MAX: int(
    100,
    1_000_000,
  )({ default: 20_000, desc: 'Audit events that may wait in memory; more are dropped and counted.' }),
  AUDIT_STREAM_ENTRIES_MAX: int(
    10,
    100_000_000,
  )({
    default: 200_000,
    desc: 'Entries of up to 100 audit events that one stream may hold while PostgreSQL does not take them.',
  }),
  AUDIT_SPOOL_DIR: str({
    default: '',
    desc: 'Directory, best a volume of its own, where audit events wait while Redis is away; empty: they wait in memory.',
  }),
  AUDIT_SPOOL_MAX_BYTES: int(
    65_536,
    1_099_511_627_776,
  )({ default: 268_435_456, desc: 'Most bytes in that directory.' }),
  AUDIT_CHECKPOINT_DIR: str({
    default: '',
    desc: 'Directory, out of reach of those who reach the database, for the signed checkpoints of the audit log; empty: only in Redis.',
  }),
  AUDIT_CHECKPOINT_INTERVAL_MS: int(
    10,
    3_600_000,
  )({ default: 1000, desc: 'Time between two checkpoints of an audit chain that grows.' }),
  AUDIT_RETENTION_MONTHS: int(
    0,
    240,
  )({
    default: 24,
    desc: 'Full months of the audit log that are kept besides the present one; 0 keeps all.',
  }),
  AUDIT_ARCHIVE_DIR: str({
    default: '',
    desc: 'Directory, the same volume for all workers, where a month of the audit log is written to before it is removed; empty: it is only removed.',
  }),
  AUDIT_TAKEOVER_MS: int(
    100,
    600_000,
  )({
    default: 6000,
    desc: 'Silence of the owner of an audit stream after which another worker takes over; more than the longest batch takes.',
  }),

  FEATURE_TRACING: bool({
    default: true,
    desc: 'Traces, when OTEL_EXPORTER_OTLP_ENDPOINT says where to.',
  }),
  OTEL_EXPORTER_OTLP_ENDPOINT: str({
    default: '',
    desc: 'Base URL of an OpenTelemetry collector (OTLP over HTTP, `/v1/traces` is added); empty: no traces.',
  }),
  OTEL_EXPORTER_OTLP_HEADERS: str({
    default: '',
    desc: 'Headers for the collector: `name=value`, comma separated, values percent-encoded.',
  }),
  OTEL_TRACES_SAMPLER_ARG: ratio({
    default: 0.1,
    desc: 'Share of the traces that begin here and are recorded; that of a caller is as the caller says.',
  }),
  OTEL_SERVICE_NAME: str({ default: 'caudal', desc: 'Name of the service in its traces.' }),
};

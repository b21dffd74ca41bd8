import { bool } from 'envalid';
import { int, list, postgresUrl } from './validators.js';

/** PostgreSQL: servers, pools, deadlines. */
export const DATABASE = {
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
};

import { bool, str } from 'envalid';
import { int } from './validators.js';

/** The audit log. */
export const AUDIT_LOG = {
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
    default: 0,
    desc: 'Full months of the audit log that are kept besides the present one; 0 keeps all, 24 is a good number.',
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
};

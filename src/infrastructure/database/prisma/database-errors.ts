import {
  DatabaseOutageError,
  NodeSilentError,
  NotInRecoveryError,
  NotWriterError,
  PoolSaturatedError,
} from './database-outages.js';

/** Connection-level failures: nothing can be said of the statement, and another node may answer. */
const UNAVAILABLE_SQLSTATES = /^(08...|57P0[1-5]|53300|25006)$/;
/** The statement was given up by a deadline or to break a deadlock; trying again is right. */
const RETRYABLE_SQLSTATES = /^(40001|40P01|55P03|57014|25P0[34])$/;
const UNAVAILABLE_SYSTEM_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EHOSTUNREACH',
]);
const UNAVAILABLE_PRISMA_CODES = new Set(['P1001', 'P1002', 'P1008', 'P1017', 'P2024', 'P2028']);
const UNAVAILABLE_MESSAGES =
  /Connection terminated|Query read timeout|Cannot use a pool after calling end|server closed the connection/i;

const NODE_FAILURES = [NodeSilentError, NotInRecoveryError, NotWriterError];
/** Classes of SQLSTATE that a server sends to an application (PostgreSQL, appendix A). */
const KNOWN_CLASSES = new Set('08 0A 21 22 23 25 28 2D 3D 40 42 53 54 55 57 58 P0 XX'.split(' '));

interface CodedError {
  readonly code?: unknown;
  readonly originalCode?: unknown;
  readonly message?: unknown;
  readonly cause?: unknown;
  readonly meta?: { readonly driverAdapterError?: unknown };
}

function* chain(error: unknown): Generator<CodedError> {
  let next: unknown = error;
  for (let depth = 0; depth < 5 && typeof next === 'object' && next !== null; depth += 1) {
    const coded: CodedError = next;
    yield coded;
    next = coded.cause ?? coded.meta?.driverAdapterError;
  }
}

function chainHas(error: unknown, kind: abstract new (...args: never[]) => Error): boolean {
  for (const each of chain(error)) if (each instanceof kind) return true;
  return false;
}

/** The SQLSTATE of a driver's or Prisma's error, null when it has none. */
export function sqlStateOf(error: unknown): string | null {
  for (const { originalCode, code } of chain(error)) {
    for (const candidate of [originalCode, code]) {
      if (
        typeof candidate === 'string' &&
        /^[0-9A-Z]{5}$/.test(candidate) &&
        !candidate.startsWith('P1') &&
        !candidate.startsWith('P2')
      ) {
        return candidate;
      }
    }
  }
  return null;
}

/**
 * True when the database cannot be reached, has ended the session or has given the statement up: the client
 * gets DATABASE_UNAVAILABLE.
 */
export function isDatabaseUnavailable(error: unknown): boolean {
  if (chainHas(error, DatabaseOutageError)) return true;
  const state = sqlStateOf(error);
  return (state !== null && RETRYABLE_SQLSTATES.test(state)) || isNodeUnavailable(error);
}

/** True when the node itself cannot be reached, does not answer, or has ended the session. */
export function isNodeUnavailable(error: unknown): boolean {
  if (NODE_FAILURES.some((kind) => chainHas(error, kind))) return true;
  const state = sqlStateOf(error);
  if (state !== null && UNAVAILABLE_SQLSTATES.test(state)) return true;
  for (const { code, message } of chain(error)) {
    if (
      typeof code === 'string' &&
      (UNAVAILABLE_SYSTEM_CODES.has(code) || UNAVAILABLE_PRISMA_CODES.has(code))
    )
      return true;
    if (typeof message === 'string' && UNAVAILABLE_MESSAGES.test(message)) return true;
  }
  return false;
}

/** A closed set of names for metrics: the class of the SQLSTATE, or how the connection failed. */
export function errorClassOf(error: unknown): string {
  const state = sqlStateOf(error);
  if (state !== null) {
    const group = state.slice(0, 2);
    return KNOWN_CLASSES.has(group) ? group : 'other';
  }
  if (chainHas(error, PoolSaturatedError)) return 'saturated';
  return isDatabaseUnavailable(error) ? 'connection' : 'other';
}

export function isUniqueViolation(error: unknown): boolean {
  if (sqlStateOf(error) === '23505') return true;
  for (const { code } of chain(error)) if (code === 'P2002') return true;
  return false;
}

/** A foreign key names a row that is not there. */
export function isForeignKeyViolation(error: unknown): boolean {
  if (sqlStateOf(error) === '23503') return true;
  for (const { code } of chain(error)) if (code === 'P2003') return true;
  return false;
}

import { Problem } from '../../common/problem.js';
import type { CallOutcome } from './circuit-breaker.js';

/**
 * What a thrown error says about the backend. A 4xx means that it works and that the request was wrong,
 * whether the backend says so by a status or our own validation by a {@link Problem}.
 */
export function outcomeOfError(error: unknown): CallOutcome {
  const status = statusOf(error);
  return status !== null && status >= 400 && status < 500 ? 'ignored' : 'failure';
}

function statusOf(error: unknown): number | null {
  if (error instanceof Problem) return error.status;
  if (typeof error !== 'object' || error === null) return null;
  // HTTP clients call it one or the other, Nest's exceptions keep the first.
  const { status, statusCode } = error as { status?: unknown; statusCode?: unknown };
  if (typeof status === 'number') return status;
  return typeof statusCode === 'number' ? statusCode : null;
}

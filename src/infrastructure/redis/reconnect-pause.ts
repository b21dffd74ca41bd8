const FIRST_MS = 50;

/** Before the attempt, counted from 0: longer each time, and spread, so that a fleet does not storm a server that comes back. */
export function reconnectPauseMs(attempt: number, maxMs: number): number {
  return Math.min(maxMs, FIRST_MS * 2 ** attempt) * (0.5 + Math.random() / 2);
}

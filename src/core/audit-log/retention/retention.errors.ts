import type { ChainFault } from '../chain-verifier.js';

/**
 * Why a month stays for now:
 * - `tampered`: a chain does not verify up to the last entry of the month.
 * - `archive`, `record`: AUDIT_ARCHIVE_DIR, or a place where records are kept, could not be written.
 * - `changed`: an entry of the month came while it was retired, or its partition is another than its name says.
 * - `busy`: somebody uses the table, or PostgreSQL is away at that moment.
 * - `failed`: anything else.
 */
export type Refusal = 'tampered' | 'archive' | 'record' | 'changed' | 'busy' | 'failed';

export class MonthRefusedError extends Error {
  constructor(
    readonly refusal: Refusal,
    readonly fault: ChainFault | null = null,
    cause?: unknown,
  ) {
    super(`a month of the audit log is not retired: ${refusal}`, { cause });
    this.name = 'MonthRefusedError';
  }
}

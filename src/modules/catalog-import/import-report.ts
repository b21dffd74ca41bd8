import type { RefusedRow } from './refused-row.js';

export type Outcome = 'created' | 'updated' | 'unchanged';
export type OutcomeCounts = Record<Outcome, number>;
export type Imported = 'categories' | 'products' | 'variants';

/** What an import has done so far. Refused rows are passed on at once and only counted here. */
export class ImportReport {
  rows = 0;
  refusedRows = 0;
  readonly counts: Readonly<Record<Imported, OutcomeCounts>> = {
    categories: { created: 0, updated: 0, unchanged: 0 },
    products: { created: 0, updated: 0, unchanged: 0 },
    variants: { created: 0, updated: 0, unchanged: 0 },
  };

  constructor(private readonly onRefused: (row: RefusedRow) => void) {}

  count(what: Imported, outcome: Outcome): void {
    this.counts[what][outcome] += 1;
  }

  refuse(rows: readonly RefusedRow[]): void {
    this.refusedRows += rows.length;
    for (const row of [...rows].sort((a, b) => a.line - b.line)) this.onRefused(row);
  }
}

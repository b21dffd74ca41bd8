import { Injectable } from '@nestjs/common';
import { AppConfig } from '../../config/index.js';
import { Watches } from '../../core/jobs/index.js';
import { Logger } from '../../infrastructure/logging/index.js';
import { StockWatchRepository } from './stock-watch.repository.js';

/** Variants per run: a run sums their whole ledgers, and the watch pauses by how long that took. */
const SLICE = 500;
/** Each is a label value. */
const WATCHED_MAX = 20;
const LOGGED_MAX = 10;

type Invariant = 'bounds' | 'ledger';

/**
 * Holds the stock against what must always be true of it, slice by slice, for ever. PostgreSQL refuses what
 * breaks the bounds; a restore, a repair by hand or a dropped constraint does not ask it. What a pass finds is
 * told at once, and until a whole pass has found nothing.
 */
@Injectable()
export class StockWatch {
  private readonly violations;
  private readonly units;
  private readonly watched: readonly string[];
  private after: string | null = null;
  private pass: Record<Invariant, number> = { bounds: 0, ledger: 0 };
  private lastPass: Record<Invariant, number> = { bounds: 0, ledger: 0 };

  constructor(
    config: AppConfig,
    private readonly stock: StockWatchRepository,
    private readonly logger: Logger,
    watches: Watches,
  ) {
    this.watched = config.env.WATCHED_SKUS.slice(0, WATCHED_MAX);
    const watch = watches.add('stock-watch', async () => {
      await this.checkSlice();
      if (this.watched.length > 0) await this.countUnits();
    });
    this.violations = watch.gauge({
      name: 'inventory_invariant_violations',
      help: 'Variants whose stock breaks an invariant; anything but 0 is an alert',
    });
    this.units = watch.gauge({
      name: 'inventory_watched_units',
      help: 'Units of the watched SKUs by what may be done with them',
    });
  }

  private async checkSlice(): Promise<void> {
    const { after, outOfBounds, unbalanced } = await this.stock.check(this.after, SLICE);
    this.pass.bounds += outOfBounds.length;
    this.pass.ledger += unbalanced.length;
    this.report('bounds', outOfBounds);
    this.report('ledger', unbalanced);
    this.after = after;
    if (after === null) {
      this.lastPass = this.pass;
      this.pass = { bounds: 0, ledger: 0 };
    }
    this.violations.measured(
      (['bounds', 'ledger'] as const).map((invariant) => ({
        labels: { invariant },
        value: Math.max(this.pass[invariant], this.lastPass[invariant]),
      })),
    );
  }

  private report(invariant: Invariant, variantIds: readonly string[]): void {
    if (variantIds.length === 0) return;
    this.logger.error(
      { invariant, count: variantIds.length, variantIds: variantIds.slice(0, LOGGED_MAX) },
      'stock breaks an invariant',
    );
  }

  private async countUnits(): Promise<void> {
    const found = await this.stock.findUnitsLeft(this.watched);
    this.units.measured(
      found.flatMap(({ sku, available, reserved }) => [
        { labels: { sku, state: 'available' }, value: available },
        { labels: { sku, state: 'reserved' }, value: reserved },
      ]),
    );
  }
}

import { Injectable } from '@nestjs/common';
import { Problem } from '../../common/problem.js';
import type { Principal } from '../../core/access-control/index.js';
import { type AuditedBy, auditedBySystem } from '../../core/audit-log/index.js';
import { EventOutbox } from '../../core/events/index.js';
import { ReadConsistency } from '../../core/read-consistency/index.js';
import { stockSet } from './inventory.events.js';
import { type MovementRecord, type StockRecord, StockRepository } from './stock.repository.js';

/** Programs that fill the shop, and have no account. */
const IMPORT = auditedBySystem('import');

/** Stock as operators see and set it. */
@Injectable()
export class StockService {
  constructor(
    private readonly stock: StockRepository,
    private readonly outbox: EventOutbox,
    private readonly consistency: ReadConsistency,
  ) {}

  /** The stock of a variant on the writer: an operator decides on it. @throws Problem VARIANT_NOT_FOUND */
  async get(variantId: string): Promise<StockRecord> {
    const record = await this.stock.find(variantId, 'primary');
    if (record === null) throw new Problem('VARIANT_NOT_FOUND');
    return record;
  }

  /** @throws Problem VARIANT_NOT_FOUND, PRECONDITION_FAILED, STOCK_BELOW_RESERVED */
  async setOnHand(
    principal: Principal,
    variantId: string,
    onHand: number,
    version: number,
    by: AuditedBy,
  ): Promise<StockRecord> {
    const outcome = await this.stock.transaction(async (transaction) => {
      const result = await this.stock.setOnHand(transaction, {
        variantId,
        onHand,
        version,
        actorId: principal.userId,
      });
      if (result.kind === 'set') {
        const change = { before: result.onHandBefore, after: onHand };
        await this.outbox.append(transaction, [stockSet(result.level, by, change)]);
      }
      return result;
    });
    switch (outcome.kind) {
      case 'set':
        await this.consistency.recordWrite(principal.userId);
        return outcome.stock;
      case 'stale':
        throw new Problem('PRECONDITION_FAILED', { extensions: { version: outcome.stock.version } });
      case 'below-reserved':
        throw new Problem('STOCK_BELOW_RESERVED', { extensions: { reserved: outcome.stock.reserved } });
      case 'no-variant':
        throw new Problem('VARIANT_NOT_FOUND');
    }
  }

  /** First stock of new variants, for imports and seeds; variants that have stock are left alone. */
  async setInitialStock(stock: readonly { variantId: string; onHand: number }[]): Promise<void> {
    if (stock.length === 0) return;
    await this.stock.transaction(async (transaction) => {
      const levels = await this.stock.setInitial(transaction, stock);
      await this.outbox.append(
        transaction,
        levels.map((level) => stockSet(level, IMPORT, { before: 0, after: level.available })),
      );
    });
  }

  /** @throws Problem VARIANT_NOT_FOUND */
  async listMovements(
    principal: Principal,
    variantId: string,
    page: { beforeId: string | null; limit: number },
    consistency?: string,
  ): Promise<MovementRecord[]> {
    const floor = await this.consistency.floorFor(principal.userId, consistency);
    const movements = await this.stock.listMovements(variantId, page, floor);
    if (movements.length === 0) await this.get(variantId);
    return movements;
  }
}

import { Injectable, type OnModuleInit } from '@nestjs/common';
import { AppConfig } from '../../config/index.js';
import { PartitionKeeper } from '../../core/partitioning/index.js';
import { StockRepository } from './stock.repository.js';

const MONTHS_AHEAD = 2;

/** The ledger grows for ever: months are made ahead, and old ones detached behind an opening balance. */
@Injectable()
export class LedgerPartitions implements OnModuleInit {
  constructor(
    private readonly config: AppConfig,
    private readonly partitions: PartitionKeeper,
    private readonly stock: StockRepository,
  ) {}

  onModuleInit(): void {
    this.partitions.register({
      name: 'stock_movements',
      unit: 'month',
      ahead: MONTHS_AHEAD,
      keep: this.config.env.MOVEMENT_RETENTION_MONTHS,
      retire: (transaction, { partition, to }) => this.stock.detachLedger(transaction, partition, to),
    });
  }
}

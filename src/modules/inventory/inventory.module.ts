import { Module } from '@nestjs/common';
import { LedgerPartitions } from './ledger-partitions.js';
import { SoldOutHints } from './sold-out-hints.js';
import { StockWatch } from './stock-watch.js';
import { StockWatchRepository } from './stock-watch.repository.js';
import { StockController } from './stock.controller.js';
import { StockRepository } from './stock.repository.js';
import { StockService } from './stock.service.js';

@Module({
  controllers: [StockController],
  providers: [
    LedgerPartitions,
    StockRepository,
    StockService,
    StockWatch,
    StockWatchRepository,
    SoldOutHints,
  ],
  exports: [StockRepository, StockService, SoldOutHints],
})
export class InventoryModule {}

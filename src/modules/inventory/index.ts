export { allocate, type Shortage } from './allocation.js';
export { stockChanged, type StockLevel } from './inventory.events.js';
export { InventoryModule } from './inventory.module.js';
export { SoldOutHints } from './sold-out-hints.js';
export type { OrderMovement } from './stock-movement.js';
export { type Offer, StockRepository } from './stock.repository.js';
export { StockService } from './stock.service.js';

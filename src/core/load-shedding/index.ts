export { type Lane, LoadShedding, type Priority, type ShedReason } from './load-shedding.js';
export { LoadSheddingModule } from './load-shedding.module.js';

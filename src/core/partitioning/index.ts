export { PartitionKeeper, type PartitionedTable, type RetiredPartition } from './partition-keeper.js';
export { PartitioningModule } from './partitioning.module.js';

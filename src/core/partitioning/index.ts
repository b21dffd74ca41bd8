export { type AttachedPartition, attachedPartitions } from './attached-partitions.js';
export { PartitionKeeper, type PartitionedTable } from './partition-keeper.js';
export { periodOf, shift } from './partition-period.js';
export { PartitioningModule } from './partitioning.module.js';

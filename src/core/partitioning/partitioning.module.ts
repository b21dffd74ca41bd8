import { Global, Module } from '@nestjs/common';
import { PartitionKeeper } from './partition-keeper.js';

@Global()
@Module({ providers: [PartitionKeeper], exports: [PartitionKeeper] })
export class PartitioningModule {}

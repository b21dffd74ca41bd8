import { Global, Module } from '@nestjs/common';
import { ReadConsistency } from './read-consistency.js';

@Global()
@Module({ providers: [ReadConsistency], exports: [ReadConsistency] })
export class ReadConsistencyModule {}

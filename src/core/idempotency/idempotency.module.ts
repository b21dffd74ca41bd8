import { Global, Module } from '@nestjs/common';
import { IdempotencyJanitor } from './idempotency-janitor.js';
import { IdempotencyStore } from './idempotency-store.js';

@Global()
@Module({
  providers: [IdempotencyStore, IdempotencyJanitor],
  exports: [IdempotencyStore],
})
export class IdempotencyModule {}

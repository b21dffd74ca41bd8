import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { Clock } from '../../common/clock.js';
import { Doorbell, redisKeys, RedisService } from '../../infrastructure/redis/index.js';

/** Rung by whoever writes events, heard by the relay. */
@Injectable()
export class OutboxBell extends Doorbell implements OnModuleDestroy {
  constructor(redis: RedisService, clock: Clock) {
    super(redis, redisKeys.outboxBell(), clock);
  }

  onModuleDestroy(): void {
    this.close();
  }
}

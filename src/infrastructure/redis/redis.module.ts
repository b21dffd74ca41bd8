import { Global, Module } from '@nestjs/common';
import { RedisSettingsCheck } from './redis-settings-check.js';
import { RedisService } from './redis.service.js';

@Global()
@Module({ providers: [RedisService, RedisSettingsCheck], exports: [RedisService, RedisSettingsCheck] })
export class RedisModule {}

import { Global, Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { CircuitBreakersController } from './circuit-breakers.controller.js';
import { DistributedCircuitBreakerService } from './distributed-circuit-breaker.service.js';
import { ProtectedMethods } from './protected-methods.js';

@Global()
@Module({
  imports: [DiscoveryModule],
  controllers: [CircuitBreakersController],
  providers: [DistributedCircuitBreakerService, ProtectedMethods],
  exports: [DistributedCircuitBreakerService],
})
export class CircuitBreakerModule {}

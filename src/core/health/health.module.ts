import { Global, Module } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import { HealthController } from './health.controller.js';
import { OptimizedHealthService } from './optimized-health.service.js';
import { ProcessState } from './process-state.js';

@Global()
@Module({
  imports: [TerminusModule.forRoot({ logger: false })],
  controllers: [HealthController],
  providers: [OptimizedHealthService, ProcessState],
  exports: [OptimizedHealthService, ProcessState],
})
export class HealthModule {}

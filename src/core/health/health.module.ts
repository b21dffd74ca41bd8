import { Global, Module } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import { DependencyChecks } from './dependency-checks.js';
import { HealthAnswers } from './health-answers.js';
import { HealthChecks } from './health-checks.js';
import { HealthController } from './health.controller.js';
import { HealthSummary } from './health-summary.js';
import { OptimizedHealthService } from './optimized-health.service.js';
import { ProcessState } from './process-state.js';
import { ProcessVitals } from './process-vitals.js';

@Global()
@Module({
  imports: [TerminusModule.forRoot({ logger: false })],
  controllers: [HealthController],
  providers: [
    OptimizedHealthService,
    HealthAnswers,
    HealthChecks,
    HealthSummary,
    DependencyChecks,
    ProcessState,
    ProcessVitals,
  ],
  exports: [HealthAnswers, HealthChecks, ProcessState, ProcessVitals],
})
export class HealthModule {}

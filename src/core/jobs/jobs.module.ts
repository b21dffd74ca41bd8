import { Global, Module } from '@nestjs/common';
import { JobRunner } from './job-runner.js';
import { Watches } from './watches.js';

@Global()
@Module({ providers: [JobRunner, Watches], exports: [JobRunner, Watches] })
export class JobsModule {}

import { Global, Module } from '@nestjs/common';
import { FeatureFlags } from './feature-flags.js';

@Global()
@Module({ providers: [FeatureFlags], exports: [FeatureFlags] })
export class FeatureFlagsModule {}

export { FeatureFlags, type FeatureFlag } from './feature-flags.js';
export { FeatureFlagsModule } from './feature-flags.module.js';

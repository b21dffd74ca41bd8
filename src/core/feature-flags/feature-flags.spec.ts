import { ENVIRONMENT } from '../../config/environment.js';
import { loadConfig } from '../../config/index.js';
import { Metrics } from '../../infrastructure/metrics/index.js';
import { FeatureFlags, flagsOf } from './feature-flags.js';

const DATABASE = { DATABASE_URL: 'postgres://localhost/caudal' };

describe('feature flags', () => {
  it('are the boolean settings that begin with FEATURE_, by name', () => {
    expect(
      flagsOf({
        FEATURE_TRACING: false,
        FEATURE_AUDIT_LOG: true,
        RATE_LIMIT_ENABLED: true,
        FEATURE_SAMPLE_RATE: 3,
      }),
    ).toEqual([
      { name: 'audit_log', isEnabled: true },
      { name: 'tracing', isEnabled: false },
    ]);
  });

  it('of the real configuration are all shown, each with its present value', async () => {
    const settings = Object.keys(ENVIRONMENT).filter((name) => name.startsWith('FEATURE_'));
    for (const value of ['true', 'false']) {
      const metrics = new Metrics();
      const env = Object.fromEntries(settings.map((name) => [name, value]));
      const { all } = new FeatureFlags(loadConfig({ ...DATABASE, ...env }), metrics);
      expect(all.map(({ name }) => `FEATURE_${name.toUpperCase()}`)).toEqual([...settings].sort());
      expect(all.every(({ isEnabled }) => isEnabled === (value === 'true'))).toBe(true);
      const text = await metrics.registry.metrics();
      for (const { name } of all)
        expect(text).toContain(`feature_enabled{feature="${name}"} ${value === 'true' ? '1' : '0'}`);
    }
  });
});

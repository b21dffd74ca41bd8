import { Injectable } from '@nestjs/common';
import { AppConfig } from '../../config/index.js';
import { Metrics } from '../../infrastructure/metrics/index.js';

/** A part of the product that the configuration may switch off, and whether it is on. */
export interface FeatureFlag {
  /** `rate_limiter` for the setting `FEATURE_RATE_LIMITER`. */
  readonly name: string;
  readonly isEnabled: boolean;
}

const PREFIX = 'FEATURE_';

/**
 * Every boolean setting `FEATURE_<NAME>` of the configuration, so that `/health` and the metric show each
 * one without anybody registering it. Flags are read once: another value takes a restart of the process,
 * as every setting does.
 */
@Injectable()
export class FeatureFlags {
  /** Sorted by name. */
  readonly all: readonly FeatureFlag[];

  constructor({ env }: AppConfig, metrics: Metrics) {
    this.all = flagsOf(env);
    metrics.gauge({
      name: 'feature_enabled',
      help: '1 while the part is switched on by its FEATURE_ setting',
      labelNames: ['feature'],
      collect: (gauge) => {
        for (const { name, isEnabled } of this.all) gauge.set({ feature: name }, isEnabled ? 1 : 0);
      },
    });
  }
}

export function flagsOf(env: Readonly<Record<string, unknown>>): FeatureFlag[] {
  return Object.entries(env)
    .flatMap(([setting, value]) =>
      setting.startsWith(PREFIX) && typeof value === 'boolean'
        ? [{ name: setting.slice(PREFIX.length).toLowerCase(), isEnabled: value }]
        : [],
    )
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

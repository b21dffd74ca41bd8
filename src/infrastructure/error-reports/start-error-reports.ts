import type { Clock } from '../../common/clock.js';
import type { AppConfig } from '../../config/index.js';
import type { ErrorReporter } from './error-reporter.js';

/** The reporter that the configuration asks for; null, and nothing loaded, when it asks for none. */
export async function startErrorReports({ env }: AppConfig, clock: Clock): Promise<ErrorReporter | null> {
  if (env.SENTRY_DSN === '') return null;
  const { SentryReporter } = await import('./sentry-reporter.js');
  const origin = { environment: env.SENTRY_ENVIRONMENT, release: env.SENTRY_RELEASE, role: env.ROLE };
  return new SentryReporter(env.SENTRY_DSN, origin, clock);
}

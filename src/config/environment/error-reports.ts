import { str } from 'envalid';
import { sentryDsn } from './validators.js';

/** Reports of unexpected errors; names of Sentry's SDKs. */
export const ERROR_REPORTS = {
  SENTRY_DSN: sentryDsn({
    default: '',
    desc: "Where unexpected errors, crashes and failed jobs are reported to: a DSN of Sentry, or of what speaks its protocol; empty: nobody, and Sentry's code is not loaded.",
  }),
  SENTRY_ENVIRONMENT: str({
    default: 'production',
    desc: 'Environment that the reports name, such as `staging`.',
  }),
  SENTRY_RELEASE: str({
    default: '',
    desc: 'Release that the reports name, such as the tag of the image; empty: none.',
  }),
};

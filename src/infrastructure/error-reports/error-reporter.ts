import type { Metrics } from '../metrics/index.js';

/**
 * Tells somebody outside of the cluster of errors that nobody foresaw: requests that end as `INTERNAL_ERROR`,
 * crashes, failed jobs and handlers. Those are the lines of level ERROR that carry an exception (`err`); a refusal
 * or a lost dependency is neither. There is one reporter, or none: without SENTRY_DSN its code is not loaded.
 *
 * What is told: type, message and stack of the error and of its causes, the text of the log line, `requestId`,
 * `traceId`, the job or type of event, release, environment, role. Nothing else of the line, of the request or of
 * the machine. Messages are cut and cleared of what looks like an e-mail address, a token or a password.
 *
 * It never throws and nobody waits for it. Errors beyond the rate (in a burst, then by the minute) and beyond what
 * waits for an answer are counted (`error_reports_total`) and dropped: the log has them all.
 */
export interface ErrorReporter {
  /** `fields` and `message` are those of a log line; a line without an exception is not for it. */
  report(fields: object, message: string): void;
  expose(metrics: Metrics): void;
  /** Waits for the answers that are due, two seconds at most; nothing is reported any more. */
  close(): Promise<void>;
}

export type ReportOutcome = 'sent' | 'rate-limited' | 'refused' | 'queue-full' | 'failed';

export type { ErrorReporter } from './error-reporter.js';
export { startErrorReports } from './start-error-reports.js';

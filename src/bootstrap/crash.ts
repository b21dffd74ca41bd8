import type { EventEmitter } from 'node:events';
import type { ErrorReporter } from '../infrastructure/error-reports/index.js';
import type { ProcessLogger } from '../infrastructure/logging/index.js';

/**
 * Ends the process after an exception that nobody caught: nothing is known of its state any more. It is logged like
 * everything else, as one line, and reported; the answer to the report is all that the end waits for.
 */
export function endWhenCrashed(
  process: Pick<EventEmitter, 'on'> & { exit(code: number): void },
  logger: ProcessLogger,
  reporter: ErrorReporter | null,
): void {
  let isEnding = false;
  process.on('uncaughtException', (error: unknown) => {
    logger.error({ err: error }, 'the process crashed');
    logger.flush();
    // What fails while it ends changes nothing.
    if (isEnding) return;
    isEnding = true;
    if (reporter === null) process.exit(1);
    else
      void reporter.close().finally(() => {
        process.exit(1);
      });
  });
}

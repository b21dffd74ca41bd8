// @ts-check

/**
 * A failure whose message alone tells a person what to do. Commands print it without a stack trace
 * and exit with a code other than zero.
 */
export class StartError extends Error {
  /**
   * @param {string} message one line
   * @param {{ detail?: string, cause?: unknown }} [options] `detail` holds further lines, for example the end of a log
   */
  constructor(message, options = {}) {
    super(message, { cause: options.cause });
    this.name = 'StartError';
    this.detail = options.detail ?? '';
  }
}

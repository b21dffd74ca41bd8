import { ERROR_CODES, type ErrorCodeName } from './error-codes.js';

/** One invalid field: an RFC 6901 JSON pointer into the body (`/lines/0/quantity`), or `?name` for a query parameter. */
export interface FieldError {
  readonly pointer: string;
  readonly detail: string;
}

export interface ProblemOptions {
  /** A sentence about this occurrence; never holds secrets or personal data. */
  readonly detail?: string;
  readonly errors?: readonly FieldError[];
  /** Sent as `Retry-After`, whole seconds, at least 1. */
  readonly retryAfterSeconds?: number;
  /** Further members of the problem document, such as `shortages`. */
  readonly extensions?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

/**
 * A refusal on its way to the client as RFC 9457 `application/problem+json`. Services of a module
 * return refusals as values where callers choose between them, and throw a problem where the only
 * thing left is to tell the client.
 */
export class Problem extends Error {
  readonly status: number;
  readonly title: string;
  readonly options: ProblemOptions;

  constructor(
    readonly code: ErrorCodeName,
    options: ProblemOptions = {},
  ) {
    // A refusal is an answer, and thousands a second of them are: none has a use for its stack.
    const stackTraceLimit = Error.stackTraceLimit;
    Error.stackTraceLimit = 0;
    super(options.detail ?? ERROR_CODES[code].title, { cause: options.cause });
    Error.stackTraceLimit = stackTraceLimit;
    this.name = 'Problem';
    this.status = ERROR_CODES[code].status;
    this.title = ERROR_CODES[code].title;
    this.options = options;
  }

  /** The document without its `requestId`, which only the HTTP layer knows. */
  toDocument(): Record<string, unknown> {
    return {
      type: `urn:caudal:error:${this.code}`,
      title: this.title,
      status: this.status,
      code: this.code,
      ...(this.options.detail === undefined ? {} : { detail: this.options.detail }),
      ...(this.options.errors === undefined ? {} : { errors: this.options.errors }),
      ...this.options.extensions,
    };
  }
}

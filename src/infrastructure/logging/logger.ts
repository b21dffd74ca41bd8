import { type LoggerService, Global, Module, type DynamicModule } from '@nestjs/common';
import { pino, destination, type Logger as PinoLogger } from 'pino';
import type { LogLevel } from '../../config/index.js';
import { activeTracing } from '../tracing/index.js';

/**
 * JSON lines on stdout, with the `traceId` of what the caller runs in while that is traced. ERROR means that a person must act; a refusal is never an error.
 * Secrets, tokens, card data and session ids are never passed to it.
 */
export abstract class Logger {
  abstract error(fields: object, message: string): void;
  abstract warn(fields: object, message: string): void;
  abstract info(fields: object, message: string): void;
  abstract debug(fields: object, message: string): void;
}

/** Nothing is written through a blocked stdout: the destination buffers, and writes just below its largest chunk of 16 KiB. */
const LOG_BUFFER_BYTES = 16_000;
/** A quiet process does not sit on its last lines for longer. */
const FLUSH_AFTER_MS = 200;

export interface ProcessLogger extends Logger {
  readonly pino: PinoLogger;
  /** Writes out what is buffered; called last before the process ends. */
  flush(): void;
}

/** Hears of every line of level ERROR, whatever the level that is written. */
export type ErrorListener = (fields: object, message: string) => void;

/** `fd`: where the lines go, standard output unless it is said. */
export function createLogger(level: LogLevel, fd = 1, onError: ErrorListener | null = null): ProcessLogger {
  const stream = destination({ fd, sync: false, minLength: LOG_BUFFER_BYTES });
  let timer: NodeJS.Timeout | null = null;
  const flushed = {
    write: (line: string): void => {
      stream.write(line);
      timer ??= setTimeout(() => {
        timer = null;
        stream.flush();
      }, FLUSH_AFTER_MS).unref();
    },
  };
  const instance = pino(
    {
      level,
      base: { pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    flushed,
  );
  return {
    pino: instance,
    error: (fields, message) => {
      const all = traced(fields);
      instance.error(all, message);
      onError?.(all, message);
    },
    warn: (fields, message) => {
      instance.warn(traced(fields), message);
    },
    info: (fields, message) => {
      instance.info(traced(fields), message);
    },
    debug: (fields, message) => {
      instance.debug(traced(fields), message);
    },
    flush: () => {
      stream.flushSync();
    },
  };
}

/** Whoever logs of a request that is not theirs names its trace, which counts more. */
function traced(fields: object): object {
  const traceId = activeTracing()?.traceId() ?? null;
  return traceId === null ? fields : { traceId, ...fields };
}

/** What Nest itself says goes through the same destination. */
export class NestLogger implements LoggerService {
  constructor(private readonly logger: Logger) {}
  log(message: unknown, context?: string): void {
    this.logger.debug({ context }, String(message));
  }
  error(message: unknown, ...details: unknown[]): void {
    this.logger.error({ details }, String(message));
  }
  warn(message: unknown, context?: string): void {
    this.logger.warn({ context }, String(message));
  }
}

@Global()
@Module({})
export class LoggingModule {
  static forRoot(logger: Logger): DynamicModule {
    return { module: LoggingModule, providers: [{ provide: Logger, useValue: logger }], exports: [Logger] };
  }
}

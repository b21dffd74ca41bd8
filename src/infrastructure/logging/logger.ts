import { type LoggerService, Global, Module, type DynamicModule } from '@nestjs/common';
import { pino, destination, type Logger as PinoLogger } from 'pino';
import type { LogLevel } from '../../config/index.js';

/**
 * JSON lines on stdout. ERROR means that a person must act; a refusal is never an error.
 * Secrets, tokens, card data and session ids are never passed to it.
 */
export abstract class Logger {
  abstract error(fields: object, message: string): void;
  abstract warn(fields: object, message: string): void;
  abstract info(fields: object, message: string): void;
  abstract debug(fields: object, message: string): void;
}

/** Nothing is written through a blocked stdout: the destination buffers and flushes on its own. */
const LOG_BUFFER_BYTES = 4096;
/** A quiet process does not sit on its last lines for longer. */
const FLUSH_AFTER_MS = 200;

export interface ProcessLogger extends Logger {
  readonly pino: PinoLogger;
  /** Writes out what is buffered; called last before the process ends. */
  flush(): void;
}

export function createLogger(level: LogLevel): ProcessLogger {
  const stream = destination({ fd: 1, sync: false, minLength: LOG_BUFFER_BYTES });
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
      instance.error(fields, message);
    },
    warn: (fields, message) => {
      instance.warn(fields, message);
    },
    info: (fields, message) => {
      instance.info(fields, message);
    },
    debug: (fields, message) => {
      instance.debug(fields, message);
    },
    flush: () => {
      stream.flushSync();
    },
  };
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

export { createLogger, Logger, LoggingModule, NestLogger, type ProcessLogger } from './logger.js';

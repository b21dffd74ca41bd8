import { setTimeout as sleep } from 'node:timers/promises';
import type { OptimizedPrismaService } from '../infrastructure/database/prisma/index.js';
import type { Logger } from '../infrastructure/logging/index.js';

const RETRY_MS = 250;

/** @throws Error with one clear line when the writer does not answer within the deadline. */
export async function waitForDatabase(
  database: OptimizedPrismaService,
  deadlineMs: number,
  logger: Logger,
): Promise<void> {
  const startMs = performance.now();
  for (let attempt = 1; ; attempt += 1) {
    try {
      await database.ping();
      return;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (performance.now() - startMs > deadlineMs) {
        throw new Error(`PostgreSQL did not answer within ${String(deadlineMs / 1000)} s: ${reason}`, {
          cause: error,
        });
      }
      if (attempt === 1) logger.warn({ reason }, 'waiting for PostgreSQL');
      await sleep(RETRY_MS);
    }
  }
}

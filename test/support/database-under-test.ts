import { loadConfig } from '../../src/config/index.js';
import { OptimizedPrismaService } from '../../src/infrastructure/database/prisma/index.js';
import { createLogger } from '../../src/infrastructure/logging/index.js';
import { Metrics } from '../../src/infrastructure/metrics/index.js';
import { waitFor } from './wait-for.js';

interface Addresses {
  readonly url: string;
  readonly replicaUrls?: readonly string[];
}

/** The pools of one process, without the rest of the application. */
export class DatabaseUnderTest {
  readonly service: OptimizedPrismaService;
  private readonly metrics = new Metrics();

  private constructor({ url, replicaUrls = [] }: Addresses, env: Record<string, string>) {
    const config = loadConfig({
      DATABASE_URL: url,
      DATABASE_REPLICA_URLS: replicaUrls.join(','),
      DATABASE_WRITE_POOL_SIZE: '8',
      DATABASE_READ_POOL_SIZE: '16',
      LOG_LEVEL: 'silent',
      ...env,
    });
    this.service = new OptimizedPrismaService(config, createLogger(config.env.LOG_LEVEL), this.metrics);
  }

  /** Resolves when the writer answers. */
  static async open(addresses: Addresses, env: Record<string, string> = {}): Promise<DatabaseUnderTest> {
    const database = new DatabaseUnderTest(addresses, env);
    await waitFor('the writer', () =>
      database.service.ping().then(
        () => true,
        () => false,
      ),
    );
    return database;
  }

  /** The present value of a series, or the sum over all series of a metric. */
  async metric(nameOrSeries: string): Promise<number> {
    const text = await this.metrics.registry.metrics();
    return text
      .split('\n')
      .filter((line) => line.startsWith(`${nameOrSeries} `) || line.startsWith(`${nameOrSeries}{`))
      .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
  }

  write(text: string, values: readonly (string | number)[] = []): Promise<void> {
    return this.service.sqlTransaction(async (transaction) => {
      await transaction.execute(text, values);
    });
  }

  close(): Promise<void> {
    return this.service.onApplicationShutdown();
  }
}

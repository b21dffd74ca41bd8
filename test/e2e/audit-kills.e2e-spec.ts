import { join } from 'node:path';
import { runKillRounds } from '../../bench/core/audit-kills.mjs';
import { type Redis, startRedis } from '../../scripts/services/redis.mjs';
import { testEnvironment } from '../support/app-harness.js';
import { SeededRandom } from '../support/seeded-random.js';
import { startTestServices, type TestServices } from '../support/services/index.js';
import { getSharedServices } from '../support/services/shared-services.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const ROUNDS = 6;
const EVENTS = 6000;

/** The 20 rounds of 200,000 events are goal A3 of the bench. */
describe('the audit log of real processes that are killed', () => {
  let directory: string;
  let services: TestServices;
  let redis: Redis;

  beforeAll(async () => {
    directory = temporaryFolder('caudal-audit');
    const { redisServer, runDir } = getSharedServices();
    [services, redis] = await Promise.all([
      startTestServices(),
      // One that keeps what it has answered for: it is killed as well.
      startRedis({
        dir: join(directory, 'redis'),
        runDir,
        server: redisServer,
        persistent: true,
        settings: { appendfsync: 'always' },
      }),
    ]);
  });

  afterAll(async () => {
    await redis.stop();
    await services.close();
  });

  it('loses nothing that it acknowledged, keeps nothing twice, and its chains verify', async () => {
    const seed = Number(process.env['CAUDAL_TEST_SEED'] ?? Math.floor(Math.random() * 1e9));
    const random = new SeededRandom(seed);
    const outcome = await runKillRounds({
      databaseUrl: services.databaseUrl,
      redisUrl: redis.url,
      directory,
      env: testEnvironment({ databaseUrl: services.databaseUrl, redis }),
      rounds: ROUNDS,
      events: EVENTS,
      random: () => random.next(),
      servers: [redis],
    });
    const { producer, sink, frozen } = outcome.faults;
    expect({ seed, ...outcome }).toMatchObject({
      seed,
      lost: 0,
      duplicated: 0,
      misplaced: 0,
      isIntact: true,
    });
    expect(outcome.acknowledged).toBeGreaterThanOrEqual(EVENTS);
    expect(producer + sink + frozen).toBeGreaterThanOrEqual(ROUNDS);
  }, 240_000);
});

import { ManualClock } from '../../src/common/manual-clock.js';
import { loadConfig } from '../../src/config/index.js';
import { createLogger } from '../../src/infrastructure/logging/index.js';
import { Metrics } from '../../src/infrastructure/metrics/index.js';
import { Doorbell, RedisService } from '../../src/infrastructure/redis/index.js';
import { testEnvironment } from '../support/app-harness.js';
import { startTestServices, type TestServices } from '../support/services/index.js';
import { waitFor } from '../support/wait-for.js';

const CHANNEL = 'caudal:test:bell:{bell}';
/** Longer than a queue counts as lively after a ring, and than a ringer keeps still after one. */
const A_WHILE_MS = 6000;

describe('a doorbell', () => {
  let services: TestServices;
  let redis: RedisService;
  let clock: ManualClock;
  let reader: Doorbell;
  let writer: Doorbell;
  let rings: number;

  beforeAll(async () => {
    services = await startTestServices();
    redis = new RedisService(loadConfig(testEnvironment(services)), createLogger('silent'), new Metrics());
    await waitFor('Redis', () => redis.isReady('main'));
  });

  beforeEach(async () => {
    clock = new ManualClock();
    reader = new Doorbell(redis, CHANNEL, clock);
    writer = new Doorbell(redis, CHANNEL, clock);
    rings = 0;
    reader.listen(() => (rings += 1));
    await waitFor('a quiet queue', () => {
      clock.advance(A_WHILE_MS);
      return reader.isQuiet;
    });
    rings = 0;
  });

  afterEach(() => {
    reader.close();
  });

  afterAll(async () => {
    redis.onApplicationShutdown();
    await services.close();
  });

  const published = async (): Promise<number> =>
    Number(/cmdstat_publish:calls=(\d+)/.exec(await redis.client('main').info('commandstats'))?.[1] ?? 0);

  it('wakes the reader of a quiet queue, which is lively for a while then', async () => {
    writer.ring();
    await waitFor('the ring', () => rings === 1);
    expect(reader.isQuiet).toBe(false);
    clock.advance(A_WHILE_MS);
    expect(reader.isQuiet).toBe(true);
  });

  it('is lively for a while after the reader has found something', () => {
    reader.stir();
    expect(reader.isQuiet).toBe(false);
    clock.advance(A_WHILE_MS);
    expect(reader.isQuiet).toBe(true);
  });

  it('costs a command now and then, however often somebody rings', async () => {
    const before = await published();
    for (let n = 0; n < 100; n += 1) writer.ring();
    expect((await published()) - before).toBe(1);
    clock.advance(A_WHILE_MS);
    writer.ring();
    expect((await published()) - before).toBe(2);
  });

  it('is not rung by who has just heard it', async () => {
    writer.ring();
    await waitFor('the ring', () => rings === 1);
    const before = await published();
    reader.ring();
    expect((await published()) - before).toBe(0);
  });

  it('counts as lively where a ring would not be heard, and rings for all that may have been missed', async () => {
    services.redis.kill('SIGKILL');
    await waitFor('the loss', () => !reader.isQuiet);
    clock.advance(A_WHILE_MS);
    expect(reader.isQuiet).toBe(false);
    // Nobody hears this one, and it does not count as rung.
    writer.ring();
    await services.redis.restart();
    await waitFor('a live subscription', () => {
      clock.advance(A_WHILE_MS);
      return reader.isQuiet;
    });
    rings = 0;
    await waitFor('the ring', () => {
      writer.ring();
      return rings > 0;
    });
  });
});

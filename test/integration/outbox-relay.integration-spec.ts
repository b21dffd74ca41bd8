import { redisKeys } from '../../src/infrastructure/redis/index.js';
import { type AppUnderTest, startApp } from '../support/app-harness.js';
import { RedisUnderTest } from '../support/redis-under-test.js';
import { startTestServices, type TestServices } from '../support/services/index.js';
import { Shop } from '../support/shop.builder.js';
import { waitFor } from '../support/wait-for.js';

describe('the relay of the outbox', () => {
  let services: TestServices;
  let shop: Shop;
  let redis: RedisUnderTest;
  let application: AppUnderTest;

  beforeAll(async () => {
    services = await startTestServices();
    shop = new Shop(services.databaseUrl);
    redis = await RedisUnderTest.start(services.redis.url);
    application = await startApp({ services });
  });

  afterAll(async () => {
    await application.close();
    redis.close();
    await shop.close();
    await services.close();
  });

  const append = (type: string, isBroadcast: boolean | null) =>
    shop.rows(
      `INSERT INTO outbox_events (id, type, aggregate_id, payload${isBroadcast === null ? '' : ', is_broadcast'})
       VALUES (gen_random_uuid(), $1, gen_random_uuid(), '{}'${isBroadcast === null ? '' : `, ${String(isBroadcast)}`})`,
      [type],
    );
  const waiting = () => shop.rows('SELECT FROM outbox_events WHERE published_at IS NULL');
  const heard = async () =>
    (await redis.client.xrange(redisKeys.events(), '-', '+')).map(
      ([, fields]) => fields[fields.indexOf('type') + 1],
    );

  it('tells every process only what makes copies untrue, and lets the rest go', async () => {
    await append('order.placed.v1', false);
    await waitFor('the order', async () => (await waiting()).length === 0);
    expect(await heard()).toEqual([]);

    await append('order.paid.v1', false);
    await append('stock.changed.v1', true);
    // As a process writes it that does not know the difference.
    await append('price.changed.v1', null);
    await waitFor('the changes', async () => (await waiting()).length === 0);
    expect((await heard()).sort()).toEqual(['price.changed.v1', 'stock.changed.v1']);
  });
});

import { randomUUID } from 'node:crypto';
import { redisKeys } from '../../src/infrastructure/redis/index.js';
import { RedisUnderTest } from '../support/redis-under-test.js';
import { RelayUnderTest } from '../support/relay-under-test.js';
import { startTestServices, type TestServices } from '../support/services/index.js';
import { Shop } from '../support/shop.builder.js';

describe('the relay of the outbox', () => {
  let services: TestServices;
  let shop: Shop;
  let redis: RedisUnderTest;
  let relay: RelayUnderTest;

  beforeAll(async () => {
    services = await startTestServices();
    shop = new Shop(services.databaseUrl);
    redis = await RedisUnderTest.start(services.redis.url);
    relay = RelayUnderTest.start(services, { OUTBOX_BATCH_MAX: '10' });
  });

  afterAll(async () => {
    await relay.close();
    redis.close();
    await shop.close();
    await services.close();
  });

  beforeEach(async () => {
    await shop.rows('TRUNCATE outbox_events, outbox_batches');
    await redis.client.flushall();
  });

  /** An event that names no batch, as somebody writes it by hand. */
  const append = (type: string, isBroadcast: boolean) =>
    shop.rows(
      `INSERT INTO outbox_events (id, type, aggregate_id, payload, is_broadcast)
       VALUES (gen_random_uuid(), $1, gen_random_uuid(), '{}', $2)`,
      [type, isBroadcast],
    );
  const appendBatch = async (type: string, events: number, secondsAgo: number) => {
    await shop.rows(
      `WITH batch AS (INSERT INTO outbox_batches (id, events, created_at)
         VALUES ($1, $2, now() - make_interval(secs => $3)) RETURNING id, created_at)
       INSERT INTO outbox_events (id, type, aggregate_id, payload, batch_id, created_at)
       SELECT gen_random_uuid(), $4, gen_random_uuid(), '{}', batch.id, batch.created_at
       FROM batch, generate_series(1, $2)`,
      [randomUUID(), events, secondsAgo, type],
    );
  };
  const waiting = () => shop.rows('SELECT FROM outbox_batches');
  const heard = async () =>
    (await redis.client.xrange(redisKeys.events(), '-', '+')).map(
      ([, fields]) => fields[fields.indexOf('type') + 1],
    );

  it('tells every process only what makes copies untrue, and lets the rest go', async () => {
    await append('order.placed.v1', false);
    await append('stock.changed.v1', true);
    await relay.run('outbox-relay');
    expect(await waiting()).toEqual([]);
    expect(await heard()).toEqual(['stock.changed.v1']);
    // The history stays.
    expect(await shop.rows('SELECT type FROM outbox_events ORDER BY type')).toEqual([
      { type: 'order.placed.v1' },
      { type: 'stock.changed.v1' },
    ]);
  });

  it('takes whole batches, the oldest first, until it has enough', async () => {
    await appendBatch('third', 3, 1);
    await appendBatch('first', 6, 3);
    await appendBatch('second', 6, 2);
    const types = (...counts: [string, number][]) =>
      counts.flatMap(([type, count]) => new Array<string>(count).fill(type));
    expect(await relay.run('outbox-relay')).toBe(true);
    expect(await heard()).toEqual(types(['first', 6], ['second', 6]));
    expect(await relay.run('outbox-relay')).toBe(false);
    expect(await heard()).toEqual(types(['first', 6], ['second', 6], ['third', 3]));
    expect(await relay.run('outbox-relay')).toBe(false);
    expect(await heard()).toHaveLength(15);
  });

  it('sends a batch that is larger than all it takes at once', async () => {
    await appendBatch('large', 25, 1);
    expect(await relay.run('outbox-relay')).toBe(true);
    expect(await heard()).toHaveLength(25);
    expect(await waiting()).toEqual([]);
  });

  it('passes over batches whose events are gone', async () => {
    await appendBatch('gone', 10, 2);
    await appendBatch('there', 1, 1);
    await shop.rows("DELETE FROM outbox_events WHERE type = 'gone'");
    await relay.run('outbox-relay');
    await relay.run('outbox-relay');
    expect(await heard()).toEqual(['there']);
    expect(await waiting()).toEqual([]);
  });

  it('keeps what Redis does not take', async () => {
    await appendBatch('kept', 2, 1);
    await redis.client.set(redisKeys.events(), 'not a stream');
    await expect(relay.run('outbox-relay')).rejects.toThrow('WRONGTYPE');
    expect(await waiting()).toHaveLength(1);
    await redis.client.del(redisKeys.events());
    await relay.run('outbox-relay');
    expect(await heard()).toEqual(['kept', 'kept']);
  });
});

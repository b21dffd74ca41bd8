import { periodOf, shift } from '../../src/core/partitioning/index.js';
import { RelayUnderTest } from '../support/relay-under-test.js';
import { startTestServices, type TestServices } from '../support/services/index.js';
import { Shop } from '../support/shop.builder.js';

describe('the keeper of partitions', () => {
  let services: TestServices;
  let shop: Shop;
  let relay: RelayUnderTest;

  const PRESENT = periodOf(new Date(), 'day');
  const dayAgo = (count: number) => shift(PRESENT, 'day', -count);

  beforeAll(async () => {
    services = await startTestServices();
    shop = new Shop(services.databaseUrl);
    relay = RelayUnderTest.start(services, { OUTBOX_RETENTION_DAYS: '2' });
  });

  afterAll(async () => {
    await relay.close();
    await shop.close();
    await services.close();
  });

  const days = async () => {
    const rows = await shop.rows<{ name: string }>(
      `SELECT relname AS name FROM pg_class WHERE relkind = 'r' AND relname ~ '^outbox_events_[0-9]+$' ORDER BY 1`,
    );
    return rows.map(({ name }) => name.slice('outbox_events_'.length));
  };
  const fill = async (ago: number, has: 'left' | 'waiting') => {
    const { from, to, suffix } = dayAgo(ago);
    await shop.rows('SELECT ensure_partition($1, $2, $3, $4)', ['outbox_events', from, to, suffix]);
    await shop.rows(
      `INSERT INTO outbox_events (id, type, aggregate_id, payload, created_at)
       VALUES (gen_random_uuid(), 'thing.changed.v1', gen_random_uuid(), '{}', $1)`,
      [from],
    );
    if (has === 'left') await shop.rows('DELETE FROM outbox_batches WHERE created_at = $1', [from]);
  };

  it('drops days of events that have all left, and keeps one with an event that has not', async () => {
    await fill(5, 'left');
    await fill(4, 'waiting');
    await fill(3, 'left');
    await fill(2, 'left');
    await relay.run('partition-keeper');
    expect((await days()).slice(0, 3)).toEqual([4, 2, 0].map((ago) => dayAgo(ago).suffix));
    await shop.rows('DELETE FROM outbox_batches');
    await relay.run('partition-keeper');
    expect((await days())[0]).toBe(dayAgo(2).suffix);
  });

  it('goes on without a day that is in use, and makes days ahead all the same', async () => {
    await fill(7, 'left');
    const reader = await shop.pool.connect();
    await reader.query(
      `BEGIN; SET LOCAL idle_in_transaction_session_timeout = 0; SELECT count(*) FROM outbox_events_${dayAgo(7).suffix}`,
    );
    await relay.run('partition-keeper');
    expect((await days())[0]).toBe(dayAgo(7).suffix);
    expect((await days()).at(-1)).toBe(dayAgo(-7).suffix);
    await reader.query('COMMIT');
    reader.release();
    await relay.run('partition-keeper');
    expect((await days())[0]).toBe(dayAgo(2).suffix);
  });
});

import { Metrics } from '../../src/infrastructure/metrics/index.js';
import { type AppUnderTest, startApp } from '../support/app-harness.js';
import { startTestServices, type TestServices } from '../support/services/index.js';
import { Shop } from '../support/shop.builder.js';
import { waitFor } from '../support/wait-for.js';

/** What the alerts are made of, measured on a real database in which something is wrong. */
describe('the watches of a worker', () => {
  let services: TestServices;
  let shop: Shop;
  let application: AppUnderTest;
  let soldVariant: string;

  beforeAll(async () => {
    services = await startTestServices();
    shop = new Shop(services.databaseUrl);
    soldVariant = await shop.createVariant(30);
    application = await startApp({
      services,
      env: {
        WATCH_INTERVAL_MS: '100',
        WATCHED_SKUS: `SKU-${soldVariant}, unknown`,
        // One sweep at the start, and none within the test.
        SWEEPER_INTERVAL_MS: '60000',
      },
    });
  });

  afterAll(async () => {
    await application.close();
    await shop.close();
    await services.close();
  });

  const samples = async (name: string): Promise<string[]> =>
    (await application.app.get(Metrics).registry.metrics())
      .split('\n')
      .filter((line) => line.startsWith(name));
  const shows = (line: string) =>
    waitFor(line, async () => (await samples(line.split(/[ {]/)[0] ?? line)).includes(line));

  it('find nothing wrong in a shop that is well', async () => {
    await shows('inventory_invariant_violations{invariant="bounds"} 0');
    await shows('inventory_invariant_violations{invariant="ledger"} 0');
    await shows('orders_reservations_overdue 0');
    await shows('orders_reservation_overdue_seconds 0');
    await shows('events_outbox_waiting 0');
    await shows('events_outbox_lag_seconds 0');
  });

  it('show the units of the watched SKUs and of no others', async () => {
    await shop.createVariant(5);
    await shop.rows('UPDATE stock_items SET reserved = 4 WHERE variant_id = $1', [soldVariant]);
    await shop.rows(
      "INSERT INTO stock_movements (id, variant_id, kind, on_hand_delta, reserved_delta) VALUES (gen_random_uuid(), $1, 'reserve', 0, 4)",
      [soldVariant],
    );
    await shows(`inventory_watched_units{sku="SKU-${soldVariant}",state="reserved"} 4`);
    await shows(`inventory_watched_units{sku="SKU-${soldVariant}",state="available"} 26`);
    expect(await samples('inventory_watched_units')).toHaveLength(2);
  });

  it('tell of stock that its ledger does not explain, until it is mended', async () => {
    const variantId = await shop.createVariant(10);
    await shop.rows('UPDATE stock_items SET on_hand = 11 WHERE variant_id = $1', [variantId]);
    await shows('inventory_invariant_violations{invariant="ledger"} 1');
    await shop.rows('UPDATE stock_items SET on_hand = 10 WHERE variant_id = $1', [variantId]);
    await shows('inventory_invariant_violations{invariant="ledger"} 0');
  });

  it('tell of an oversold variant where the constraint was lost', async () => {
    const variantId = await shop.createVariant(10);
    await shop.rows('ALTER TABLE stock_items DROP CONSTRAINT stock_items_no_oversell');
    await shop.rows('UPDATE stock_items SET reserved = 11 WHERE variant_id = $1', [variantId]);
    await shows('inventory_invariant_violations{invariant="bounds"} 1');
    await shop.rows('UPDATE stock_items SET reserved = 0 WHERE variant_id = $1', [variantId]);
    await shows('inventory_invariant_violations{invariant="bounds"} 0');
  });

  it('tell for how long a reservation has been over that no sweeper ends', async () => {
    const { userId } = await shop.createBuyer();
    await shop.rows(
      `INSERT INTO orders (id, number, user_id, currency, subtotal_minor, total_minor, shipping_address_ciphertext, reserved_until)
       VALUES (gen_random_uuid(), 'stuck', $1, 'USD', 1, 1, '\\x00', now() - interval '90 seconds')`,
      [userId],
    );
    await shows('orders_reservations_overdue 1');
    const [line = ''] = await samples('orders_reservation_overdue_seconds');
    expect(Number(line.split(' ')[1])).toBeGreaterThanOrEqual(90);
    await shop.rows("UPDATE orders SET status = 'cancelled' WHERE number = 'stuck'");
    await shows('orders_reservations_overdue 0');
  });

  it('tell for how long an event has waited that the relay cannot move', async () => {
    services.redis.kill('SIGKILL');
    await shop.rows(
      `INSERT INTO outbox_events (id, type, aggregate_id, payload, created_at)
       VALUES (gen_random_uuid(), 'test.happened.v1', gen_random_uuid(), '{}', now() - interval '90 seconds')`,
    );
    await shows('events_outbox_waiting 1');
    const [line = ''] = await samples('events_outbox_lag_seconds');
    expect(Number(line.split(' ')[1])).toBeGreaterThanOrEqual(90);
    await services.redis.restart();
    await shows('events_outbox_waiting 0');
    await shows('events_outbox_lag_seconds 0');
  });
});

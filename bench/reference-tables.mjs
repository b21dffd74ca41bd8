// Copies of Caudal's own tables, with its defaults, checks and indexes, in a schema of their own.
// Foreign keys and partitions are not copied: they are part of what Caudal adds.

const COPIED_TABLES = [
  'stock_items',
  'orders',
  'order_lines',
  'stock_movements',
  'idempotency_records',
  'outbox_events',
];

/** @param {import('pg').Client} client */
export async function createReferenceTables(client) {
  await client.query('CREATE SCHEMA reference');
  for (const table of COPIED_TABLES) {
    await client.query(`CREATE TABLE reference.${table} (LIKE public.${table} INCLUDING ALL)`);
  }
}

/** $1 variant, $2 units */
export const RESERVE_UNITS = `
  UPDATE reference.stock_items SET reserved = reserved + $2::integer, updated_at = now()
   WHERE variant_id = $1 AND on_hand - reserved >= $2::integer`;

/** $1 a JSON array of orders; five rows each, in one statement. */
export const INSERT_ORDERS = `
  WITH placed AS (
    SELECT * FROM jsonb_to_recordset($1::jsonb) AS o (
      id uuid, number text, user_id uuid, total bigint, address text, reserved_until timestamptz,
      created_at timestamptz, variant_id uuid, quantity integer, unit_price bigint, movement_id uuid,
      key text, fingerprint text, body text, event_id uuid, event jsonb)),
  new_orders AS (
    INSERT INTO reference.orders (id, number, user_id, currency, subtotal_minor, total_minor,
      shipping_address_ciphertext, reserved_until, created_at, updated_at)
    SELECT id, number, user_id, 'USD', total, total, decode(address, 'base64'), reserved_until,
      created_at, created_at FROM placed),
  new_lines AS (
    INSERT INTO reference.order_lines (order_id, position, variant_id, sku, name, quantity,
      unit_price_minor, total_minor)
    SELECT id, 0, variant_id, 'FLASH-BENCHMARK', 'Flash sale benchmark', quantity, unit_price, total
      FROM placed),
  new_movements AS (
    INSERT INTO reference.stock_movements (id, variant_id, kind, on_hand_delta, reserved_delta, order_id)
    SELECT movement_id, variant_id, 'reserve', 0, quantity, id FROM placed),
  new_answers AS (
    INSERT INTO reference.idempotency_records (principal_id, route, key, fingerprint, status, body)
    SELECT user_id, 'POST /orders', key, decode(fingerprint, 'base64'), 201, body FROM placed)
  INSERT INTO reference.outbox_events (id, type, aggregate_id, payload)
  SELECT event_id, 'order.placed.v1', id, event FROM placed`;

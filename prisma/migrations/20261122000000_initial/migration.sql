-- users
CREATE TABLE users (
  id uuid PRIMARY KEY,
  email_hash bytea NOT NULL,
  email_ciphertext bytea NOT NULL,
  name_ciphertext bytea NOT NULL,
  password_hash text NOT NULL,
  role text NOT NULL DEFAULT 'customer',
  created_at timestamptz(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  updated_at timestamptz(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT users_role_check CHECK (role IN ('customer', 'admin', 'superadmin'))
);
CREATE UNIQUE INDEX users_email_hash_key ON users (email_hash);

-- catalog
CREATE TABLE categories (
  id uuid PRIMARY KEY,
  external_id text,
  parent_id uuid REFERENCES categories (id) ON DELETE RESTRICT ON UPDATE CASCADE,
  slug text NOT NULL,
  name text NOT NULL,
  ancestor_ids uuid[],
  position integer NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX categories_external_id_key ON categories (external_id);
CREATE UNIQUE INDEX categories_slug_key ON categories (slug);
CREATE INDEX categories_parent_id_idx ON categories (parent_id);
CREATE INDEX categories_ancestor_ids_idx ON categories USING gin (ancestor_ids);

CREATE TABLE products (
  id uuid PRIMARY KEY,
  slug text NOT NULL,
  name text NOT NULL,
  description text NOT NULL DEFAULT '',
  category_id uuid REFERENCES categories (id) ON DELETE RESTRICT ON UPDATE CASCADE,
  status text NOT NULL DEFAULT 'active',
  version integer NOT NULL DEFAULT 1,
  created_at timestamptz(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  updated_at timestamptz(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  search tsvector GENERATED ALWAYS AS (
    setweight(to_tsvector('simple', name), 'A') || setweight(to_tsvector('simple', description), 'B')
  ) STORED,
  CONSTRAINT products_status_check CHECK (status IN ('draft', 'active', 'archived'))
);
CREATE UNIQUE INDEX products_slug_key ON products (slug);
CREATE INDEX products_category_id_idx ON products (category_id, id);
CREATE INDEX products_name_idx ON products (name, id);
CREATE INDEX products_search_idx ON products USING gin (search);

CREATE TABLE variants (
  id uuid PRIMARY KEY,
  product_id uuid NOT NULL REFERENCES products (id) ON DELETE CASCADE ON UPDATE CASCADE,
  sku text NOT NULL,
  options jsonb NOT NULL DEFAULT '{}',
  position integer NOT NULL DEFAULT 0,
  created_at timestamptz(3) NOT NULL DEFAULT CURRENT_TIMESTAMP
);
CREATE UNIQUE INDEX variants_sku_key ON variants (sku);
CREATE INDEX variants_product_id_idx ON variants (product_id, position);

CREATE TABLE prices (
  variant_id uuid NOT NULL REFERENCES variants (id) ON DELETE CASCADE ON UPDATE CASCADE,
  currency char(3) NOT NULL,
  amount_minor bigint NOT NULL,
  PRIMARY KEY (variant_id, currency),
  CONSTRAINT prices_amount_check CHECK (amount_minor BETWEEN 0 AND 1000000000000)
);

CREATE TABLE product_price_ranges (
  product_id uuid NOT NULL REFERENCES products (id) ON DELETE CASCADE ON UPDATE CASCADE,
  currency char(3) NOT NULL,
  min_amount_minor bigint NOT NULL,
  max_amount_minor bigint NOT NULL,
  PRIMARY KEY (product_id, currency)
);
CREATE INDEX product_price_ranges_price_idx ON product_price_ranges (currency, min_amount_minor, product_id);

-- inventory
-- The free space on each page lets the constant updates of a hot item stay on it (HOT).
CREATE TABLE stock_items (
  variant_id uuid PRIMARY KEY REFERENCES variants (id) ON DELETE RESTRICT ON UPDATE CASCADE,
  on_hand integer NOT NULL DEFAULT 0,
  reserved integer NOT NULL DEFAULT 0,
  version integer NOT NULL DEFAULT 1,
  updated_at timestamptz(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT stock_items_no_oversell CHECK (0 <= reserved AND reserved <= on_hand)
) WITH (fillfactor = 50);

-- What inventory tells the catalogue: the only part of the stock that others may join.
CREATE VIEW variant_availability AS
  SELECT v.id AS variant_id, v.product_id, coalesce(s.on_hand - s.reserved, 0) AS available
  FROM variants v LEFT JOIN stock_items s ON s.variant_id = v.id;

CREATE TABLE stock_movements (
  id uuid NOT NULL,
  variant_id uuid NOT NULL,
  kind text NOT NULL,
  on_hand_delta integer NOT NULL,
  reserved_delta integer NOT NULL,
  order_id uuid,
  actor_id uuid,
  occurred_at timestamptz(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  PRIMARY KEY (id, occurred_at),
  CONSTRAINT stock_movements_kind_check
    CHECK (kind IN ('opening', 'adjustment', 'reserve', 'release', 'sale', 'return'))
) PARTITION BY RANGE (occurred_at);
CREATE INDEX stock_movements_variant_id_idx ON stock_movements (variant_id, id);

-- cart
CREATE TABLE carts (
  id uuid PRIMARY KEY,
  user_id uuid REFERENCES users (id) ON DELETE CASCADE ON UPDATE CASCADE,
  guest_token_hash bytea,
  version integer NOT NULL DEFAULT 1,
  expires_at timestamptz(3),
  created_at timestamptz(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  updated_at timestamptz(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT carts_owner_check CHECK ((user_id IS NULL) <> (guest_token_hash IS NULL))
);
CREATE UNIQUE INDEX carts_user_id_key ON carts (user_id);
CREATE UNIQUE INDEX carts_guest_token_hash_key ON carts (guest_token_hash);
CREATE INDEX carts_expires_at_idx ON carts (expires_at);

CREATE TABLE cart_lines (
  id uuid PRIMARY KEY,
  cart_id uuid NOT NULL REFERENCES carts (id) ON DELETE CASCADE ON UPDATE CASCADE,
  variant_id uuid NOT NULL REFERENCES variants (id) ON DELETE CASCADE ON UPDATE CASCADE,
  quantity integer NOT NULL,
  created_at timestamptz(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT cart_lines_quantity_check CHECK (quantity > 0)
);
CREATE UNIQUE INDEX cart_lines_cart_id_variant_id_key ON cart_lines (cart_id, variant_id);

-- orders and payments
CREATE TABLE orders (
  id uuid PRIMARY KEY,
  number text NOT NULL,
  user_id uuid NOT NULL REFERENCES users (id) ON DELETE RESTRICT ON UPDATE CASCADE,
  status text NOT NULL DEFAULT 'pending_payment',
  currency char(3) NOT NULL,
  subtotal_minor bigint NOT NULL,
  discount_minor bigint NOT NULL DEFAULT 0,
  shipping_minor bigint NOT NULL DEFAULT 0,
  tax_minor bigint NOT NULL DEFAULT 0,
  total_minor bigint NOT NULL,
  shipping_address_ciphertext bytea NOT NULL,
  reserved_until timestamptz(3) NOT NULL,
  created_at timestamptz(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  updated_at timestamptz(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT orders_status_check
    CHECK (status IN ('pending_payment', 'paid', 'cancelled', 'expired', 'refunded')),
  CONSTRAINT orders_totals_check
    CHECK (total_minor = subtotal_minor - discount_minor + shipping_minor + tax_minor AND total_minor >= 0)
);
CREATE UNIQUE INDEX orders_number_key ON orders (number);
CREATE INDEX orders_user_id_idx ON orders (user_id, id);
-- The sweeper's work list: only orders that can still expire.
CREATE INDEX orders_reserved_until_idx ON orders (reserved_until) WHERE status = 'pending_payment';

CREATE TABLE order_lines (
  order_id uuid NOT NULL REFERENCES orders (id) ON DELETE CASCADE ON UPDATE CASCADE,
  position smallint NOT NULL,
  variant_id uuid NOT NULL,
  sku text NOT NULL,
  name text NOT NULL,
  quantity integer NOT NULL,
  unit_price_minor bigint NOT NULL,
  total_minor bigint NOT NULL,
  PRIMARY KEY (order_id, position),
  CONSTRAINT order_lines_quantity_check CHECK (quantity > 0),
  CONSTRAINT order_lines_total_check CHECK (total_minor = unit_price_minor * quantity)
);

CREATE TABLE payment_intents (
  id uuid PRIMARY KEY,
  order_id uuid NOT NULL REFERENCES orders (id) ON DELETE RESTRICT ON UPDATE CASCADE,
  provider text NOT NULL,
  status text NOT NULL DEFAULT 'processing',
  amount_minor bigint NOT NULL,
  currency char(3) NOT NULL,
  idempotency_key text NOT NULL,
  request_fingerprint bytea NOT NULL,
  attempts integer NOT NULL DEFAULT 0,
  failure_reason text,
  created_at timestamptz(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  updated_at timestamptz(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT payment_intents_status_check
    CHECK (status IN ('processing', 'succeeded', 'declined', 'refund_pending', 'refunded'))
);
CREATE UNIQUE INDEX payment_intents_order_id_idempotency_key_key ON payment_intents (order_id, idempotency_key);
-- At most one intent of an order can hold money or be about to: two charges cannot be started.
CREATE UNIQUE INDEX payment_intents_one_live_per_order ON payment_intents (order_id)
  WHERE status IN ('processing', 'succeeded');
-- The reconciler's work list.
CREATE INDEX payment_intents_unsettled_idx ON payment_intents (updated_at)
  WHERE status IN ('processing', 'refund_pending');

CREATE TABLE test_provider_charges (
  intent_id uuid PRIMARY KEY,
  amount_minor bigint NOT NULL,
  currency char(3) NOT NULL,
  status text NOT NULL,
  charge_count integer NOT NULL DEFAULT 0,
  refund_count integer NOT NULL DEFAULT 0,
  created_at timestamptz(3) NOT NULL DEFAULT CURRENT_TIMESTAMP
);

-- mechanisms
CREATE TABLE idempotency_records (
  principal_id uuid NOT NULL,
  route text NOT NULL,
  key text NOT NULL,
  fingerprint bytea NOT NULL,
  status smallint NOT NULL,
  body text NOT NULL,
  created_at timestamptz(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  PRIMARY KEY (principal_id, route, key)
);
CREATE INDEX idempotency_records_created_at_idx ON idempotency_records (created_at);

CREATE TABLE outbox_events (
  id uuid NOT NULL,
  type text NOT NULL,
  aggregate_id uuid NOT NULL,
  payload jsonb NOT NULL,
  created_at timestamptz(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  published_at timestamptz(3),
  PRIMARY KEY (id, created_at)
) PARTITION BY RANGE (created_at);
-- The relay's work list: it stays as small as the backlog.
CREATE INDEX outbox_events_unpublished_idx ON outbox_events (created_at, id) WHERE published_at IS NULL;

CREATE TABLE admission_state (
  id smallint PRIMARY KEY DEFAULT 1,
  epoch uuid,
  broken_at timestamptz(3),
  CONSTRAINT admission_state_single_row CHECK (id = 1)
);
INSERT INTO admission_state (id, epoch) VALUES (1, NULL);

CREATE TABLE leases (
  name text PRIMARY KEY,
  holder uuid NOT NULL,
  held_until timestamptz(3) NOT NULL
);

-- Partitions are made ahead by a job of the worker; the first ones come with the schema, and a
-- default partition catches what would otherwise be refused (its use is an alert, not a plan).
CREATE FUNCTION ensure_partition(parent text, lower_bound timestamptz, upper_bound timestamptz, suffix text)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('CREATE TABLE IF NOT EXISTS %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)',
    parent || '_' || suffix, parent, lower_bound, upper_bound);
END $$;

CREATE TABLE stock_movements_default PARTITION OF stock_movements DEFAULT;
CREATE TABLE outbox_events_default PARTITION OF outbox_events DEFAULT;

DO $$
DECLARE
  month timestamptz := date_trunc('month', now(), 'UTC');
  day timestamptz := date_trunc('day', now(), 'UTC');
BEGIN
  FOR i IN 0..2 LOOP
    PERFORM ensure_partition('stock_movements', month + make_interval(months => i),
      month + make_interval(months => i + 1), to_char((month + make_interval(months => i)) AT TIME ZONE 'UTC', 'YYYYMM'));
  END LOOP;
  FOR i IN 0..7 LOOP
    PERFORM ensure_partition('outbox_events', day + make_interval(days => i),
      day + make_interval(days => i + 1), to_char((day + make_interval(days => i)) AT TIME ZONE 'UTC', 'YYYYMMDD'));
  END LOOP;
END $$;

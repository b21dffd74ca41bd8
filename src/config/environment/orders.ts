import { str } from 'envalid';
import { int, list } from './validators.js';

/** Orders, stock, payments, and what runs behind them. */
export const ORDERS = {
  DEFAULT_CURRENCY: str({ default: 'USD', desc: 'Currency of prices when a request names none (ISO 4217).' }),
  RESERVATION_TTL_SECONDS: int(1, 86_400)({ default: 600, desc: 'Life of an unpaid reservation.' }),
  ORDER_BATCH_MAX: int(1, 2000)({ default: 512, desc: 'Most orders decided in one transaction.' }),
  ORDER_BATCH_LINGER_MS: int(
    0,
    50,
  )({ default: 0, desc: 'Time a batch waits for company when the committer is idle.' }),
  ORDER_BATCH_CONCURRENCY: int(
    1,
    8,
  )({
    default: 1,
    desc: 'Batches of one process that may be decided at once; as many again may be on their way to the disk.',
  }),
  ORDER_QUEUE_MAX: int(
    1,
    100_000,
  )({ default: 8192, desc: 'Orders that may wait for a batch; more are refused.' }),
  ORDER_DEADLINE_MS: int(100, 60_000)({ default: 5000, desc: 'Longest wait of one order for its decision.' }),
  ORDER_LINES_MAX: int(1, 500)({ default: 50, desc: 'Most lines of one order or cart.' }),
  ORDER_LINE_QUANTITY_MAX: int(1, 100_000)({ default: 100, desc: 'Largest quantity of one line.' }),
  SOLD_OUT_HINT_TTL_MS: int(
    0,
    1000,
  )({
    default: 500,
    desc: 'How long sold-out knowledge turns away buyers unless it is renewed meanwhile; 0 switches it off.',
  }),
  SWEEPER_INTERVAL_MS: int(
    100,
    60_000,
  )({ default: 1000, desc: 'Pause between two sweeps for expired reservations.' }),
  SWEEPER_BATCH_MAX: int(1, 5000)({ default: 200, desc: 'Most orders expired in one transaction.' }),
  WATCH_INTERVAL_MS: int(
    100,
    60_000,
  )({
    default: 5000,
    desc: 'Pause between two measurements of what is late or wrong in PostgreSQL: outbox, reservations, stock.',
  }),
  WATCHED_SKUS: list({
    default: [],
    desc: 'SKUs whose units left are shown in the metrics, comma separated: those of the running sale. At most the first 20.',
  }),
  OUTBOX_INTERVAL_MS: int(
    10,
    10_000,
  )({ default: 100, desc: 'Pause of the outbox relay when it finds nothing.' }),
  OUTBOX_BATCH_MAX: int(1, 10_000)({ default: 1000, desc: 'Most events relayed at once.' }),
  PAYMENT_PROVIDER_TIMEOUT_MS: int(
    50,
    60_000,
  )({ default: 3000, desc: 'Deadline of one call of the payment provider.' }),
  PAYMENT_PROVIDER_CONCURRENCY_MAX: int(
    1,
    100_000,
  )({
    default: 200,
    desc: 'Calls of the payment provider that one process may have on their way; more are refused.',
  }),
  PAYMENT_RECONCILE_AFTER_MS: int(
    100,
    3_600_000,
  )({ default: 30_000, desc: 'Age at which an unsettled payment is looked up at its provider.' }),
  MOVEMENT_RETENTION_MONTHS: int(
    0,
    240,
  )({ default: 0, desc: 'Months of stock movements that stay attached; 0 keeps all.' }),
  OUTBOX_RETENTION_DAYS: int(1, 365)({ default: 7, desc: 'Days of published outbox events that are kept.' }),
};

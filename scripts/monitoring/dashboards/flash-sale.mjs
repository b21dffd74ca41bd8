// A flash sale while it goes on: what is sold, who waits, who is turned away.
import { graph, number, renderDashboard } from '../dashboard-panels.mjs';
import { quantile, RATE, rate } from './queries.mjs';

export const flashSale = renderDashboard({
  uid: 'caudal-flash-sale',
  title: 'Caudal: flash sale live',
  refresh: '5s',
  from: 'now-15m',
  rows: {
    Now: [
      number(
        'Orders',
        'reqps',
        [[`sum(rate(orders_placed_total[${RATE}]))`, '']],
        'Every request to place one',
      ),
      number('Paid in the last hour', 'short', [['sum(increase(orders_completed_total[1h]))', '']]),
      number(
        'Units left',
        'short',
        [['sum(max by (sku) (inventory_watched_units{state="available"}))', '']],
        'Of WATCHED_SKUS',
      ),
      number('Waiting orders', 'short', [['sum(orders_queue_length)', '']]),
      number(
        'Oversold or unexplained',
        'short',
        [['sum(max by (invariant) (inventory_invariant_violations))', '']],
        'Variants whose stock breaks an invariant: must be 0',
        1,
      ),
      number(
        'Level of shedding',
        'short',
        [['max(load_shedding_level)', '']],
        '0 is calm, 3 sheds nearly everything',
        1,
      ),
    ],
    Sold: [
      graph('Orders by outcome', 'reqps', [[rate('orders_placed_total', 'outcome'), '{{outcome}}']]),
      graph('Units of the sale', 'short', [
        ['max by (sku, state) (inventory_watched_units)', '{{sku}} {{state}}'],
      ]),
      graph('Paid and expired', 'reqps', [
        [`sum(rate(orders_completed_total[${RATE}]))`, 'paid'],
        [`sum(rate(orders_expired_total[${RATE}]))`, 'expired'],
      ]),
    ],
    Queue: [
      graph('Orders that wait for a batch', 'short', [['orders_queue_length', '{{instance}}']]),
      graph('Size of batches', 'short', [
        [quantile(0.5, 'orders_batch_size', ''), 'p50'],
        [quantile(0.95, 'orders_batch_size', ''), 'p95'],
      ]),
      graph('Duration of orders', 's', [
        [quantile(0.5, 'http_request_duration_seconds', '', 'method="POST",route="/api/v1/orders"'), 'p50'],
        [quantile(0.95, 'http_request_duration_seconds', '', 'method="POST",route="/api/v1/orders"'), 'p95'],
        [quantile(0.99, 'http_request_duration_seconds', '', 'method="POST",route="/api/v1/orders"'), 'p99'],
      ]),
    ],
    'Turned away': [
      graph('Shed', 'reqps', [
        [rate('load_shedding_requests_shed_total', 'priority, reason'), '{{priority}}, {{reason}}'],
      ]),
      graph('Refused by rate limits', 'reqps', [[rate('rate_limiter_denied_total', 'policy'), '{{policy}}']]),
      graph('Payment provider', 'reqps', [
        [rate('payments_provider_calls_total', 'operation, outcome'), '{{operation}} {{outcome}}'],
      ]),
    ],
    'What must not grow': [
      graph('Reservations that should be over', 's', [['max(orders_reservation_overdue_seconds)', 'oldest']]),
      graph('Events in the outbox', 's', [['max(events_outbox_lag_seconds)', 'oldest']]),
      graph('Stock invariants', 'short', [
        ['max by (invariant) (inventory_invariant_violations)', '{{invariant}}'],
      ]),
    ],
  },
});

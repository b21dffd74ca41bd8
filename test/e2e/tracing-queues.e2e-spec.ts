import type { AppProcess } from '../support/app-process.js';
import { onServer } from '../support/redis-faults.js';
import type { CollectedSpan, TraceCollector } from '../support/trace-collector.js';
import { newTrace, TracingUnderTest } from '../support/tracing-under-test.js';
import { waitFor } from '../support/wait-for.js';

const [SERVER, CLIENT, CONSUMER] = [2, 3, 5];
const STOCK_CHANGED = 'inventory.stock-changed.v1';

interface OutboxRow {
  readonly id: string;
  readonly type: string;
  readonly traceparent: string | null;
  /** The transaction that has written it. */
  readonly transaction: string;
}

describe('traces of what queues carry', () => {
  let under: TracingUnderTest;
  let collector: TraceCollector;
  let application: AppProcess;

  beforeAll(async () => {
    under = await TracingUnderTest.start();
    ({ collector } = under);
    // Callers decide what is recorded. One batch at a time, which may wait.
    application = await under.startTraced('0', {
      ORDER_BATCH_CONCURRENCY: '1',
      ORDER_DEADLINE_MS: '60000',
      DATABASE_STATEMENT_TIMEOUT_MS: '60000',
    });
  });
  afterAll(async () => {
    await under.stopProcesses();
    await under.close();
  });

  const outboxOf = (aggregateId: string): Promise<OutboxRow[]> =>
    under.shop.rows<OutboxRow>(
      `SELECT o.id::text, type, traceparent, (SELECT xmin::text FROM orders WHERE id = aggregate_id) AS transaction
       FROM outbox_events o WHERE aggregate_id = $1 ORDER BY created_at, o.id`,
      [aggregateId],
    );
  const onlyRowOf = async (aggregateId: string): Promise<OutboxRow> => {
    const [row, ...others] = await outboxOf(aggregateId);
    if (row === undefined || others.length > 0) throw new Error('not one event');
    return row;
  };
  const detailsOf = async (action: string, orderId: string): Promise<Record<string, unknown> | undefined> => {
    const [row] = await under.shop.rows<{ details: Record<string, unknown> }>(
      'SELECT details FROM audit_entries WHERE action = $1 AND resource = $2',
      [action, `order:${orderId}`],
    );
    return row?.details;
  };
  const serverOf = async (traceId: string): Promise<CollectedSpan> => {
    const find = () => collector.ofTrace(traceId).find(({ kind }) => kind === SERVER);
    await waitFor('the span of the request', () => find() !== undefined);
    return find() as CollectedSpan;
  };
  const consumersOf = (traceId: string): CollectedSpan[] =>
    collector.ofTrace(traceId).filter(({ kind }) => kind === CONSUMER);
  /** Spans of batches that point at the span. */
  const linkedTo = ({ traceId, spanId }: CollectedSpan): CollectedSpan[] =>
    collector.spans.filter(({ links = [] }) =>
      links.some((link) => link.traceId === traceId && link.spanId === spanId),
    );
  const header = ({ traceId, spanId }: CollectedSpan): string => `00-${traceId}-${spanId}-01`;

  it('show the request, Redis, PostgreSQL, the consumers of its events and, linked, the audit log', async () => {
    const variantId = await under.shop.createVariant(5);
    const trace = newTrace();
    const placed = await under.order(application, trace.traceparent('01'), under.orderOf(variantId));
    expect(placed.status).toBe(201);
    const orderId = String(placed.body['id']);
    const server = await serverOf(trace.traceId);

    await waitFor('the consumer', () => consumersOf(trace.traceId).length > 0);
    await waitFor('the audit log', () => linkedTo(server).length > 0);
    const systems = collector
      .ofTrace(trace.traceId)
      .filter(({ kind, parentSpanId }) => kind === CLIENT && parentSpanId === server.spanId)
      .map(({ attributes }) => attributes['db.system.name']);
    expect(new Set(systems)).toEqual(new Set(['redis', 'postgresql']));

    const event = await onlyRowOf(variantId);
    expect([event.type, event.traceparent]).toEqual([STOCK_CHANGED, header(server)]);
    expect((await onlyRowOf(orderId)).traceparent).toBe(header(server));
    expect(consumersOf(trace.traceId)[0]).toMatchObject({
      name: 'process events',
      parentSpanId: server.spanId,
      attributes: {
        'messaging.system': 'redis',
        'messaging.destination.name': 'events',
        'messaging.operation.type': 'process',
        'messaging.message.id': event.id,
        'caudal.event_type': STOCK_CHANGED,
      },
    });

    const [batch] = linkedTo(server);
    expect(batch).toMatchObject({
      name: 'process audit',
      kind: CONSUMER,
      attributes: { 'messaging.system': 'postgresql', 'messaging.batch.message_count': 1 },
    });
    // Many requests are behind a batch: it belongs to none of them.
    expect(batch?.traceId).not.toBe(trace.traceId);
    const statements = () => collector.spans.filter(({ parentSpanId }) => parentSpanId === batch?.spanId);
    expect(statements().map(({ attributes }) => attributes['db.query.text'])).toContainEqual(
      expect.stringContaining('INSERT INTO audit_entries'),
    );
    expect(await detailsOf('order.placed', orderId)).toMatchObject({
      requestId: placed.requestId,
      traceId: trace.traceId,
      traceparent: header(server),
    });
  });

  it('name the request behind each change of an order in the audit log', async () => {
    const orderId = String((await under.order(application)).body['id']);
    const changes = [
      ['payments', { provider: 'test', token: 'tok_success' }, ['order.paid']],
      ['cancel', {}, ['order.cancelled', 'order.refunded']],
    ] as const;
    for (const [path, body, actions] of changes) {
      const trace = newTrace();
      const answer = await under.post(
        application,
        `/api/v1/orders/${orderId}/${path}`,
        trace.traceparent('01'),
        body,
      );
      expect(answer.status).toBeLessThan(300);
      const server = await serverOf(trace.traceId);
      for (const action of actions) {
        await waitFor(action, async () => (await detailsOf(action, orderId)) !== undefined);
        expect(await detailsOf(action, orderId)).toMatchObject({
          requestId: answer.requestId,
          traceparent: header(server),
        });
      }
      const events = (await outboxOf(orderId)).filter(({ traceparent }) => traceparent === header(server));
      expect(events.map(({ type }) => type)).toEqual(actions.map((action) => `${action}.v1`));
    }
    // Nobody recorded the request that placed it.
    const [placed] = await outboxOf(orderId);
    expect(placed).toMatchObject({ type: 'order.placed.v1', traceparent: null });
  });

  it('link the stream of the audit log to the request that was refused', async () => {
    const trace = newTrace();
    const answer = await under.post(application, '/api/v1/auth/login', trace.traceparent('01'), {
      email: 'nobody@example.com',
      password: 'not the password',
    });
    expect(answer.status).toBe(401);
    const server = await serverOf(trace.traceId);
    await waitFor('the audit log', () => linkedTo(server).length > 0);
    expect(linkedTo(server)[0]).toMatchObject({
      name: 'process audit',
      kind: CONSUMER,
      attributes: { 'messaging.system': 'redis', 'messaging.batch.message_count': 1 },
    });
  });

  it('are kept apart by the orders of one batch', async () => {
    const [locked, shared, second, third] = await Promise.all(
      [1, 2, 3, 4].map(() => under.shop.createVariant(9)),
    );
    if (!locked || !shared || !second || !third) throw new Error('a variant is missing');
    const [opener, first, other, silent] = [newTrace(), newTrace(), newTrace(), newTrace()];
    const batches = () => application.metric('orders_batch_size_count');
    const batchesBefore = await batches();
    // While one batch waits for a lock, the orders behind it gather in the next one.
    await under.shop.withStockHeld(locked, async (letGo) => {
      const answers = [under.order(application, opener.traceparent('01'), under.orderOf(locked))];
      await waitFor('the first batch', async () => (await batches()) > batchesBefore);
      for (const [header, ...variantIds] of [
        [first.traceparent('01'), shared],
        [other.traceparent('01'), shared, second],
        [silent.traceparent('00'), third],
      ]) {
        answers.push(under.order(application, header, under.orderOf(...variantIds)));
        const waiting = answers.length - 1;
        await waitFor('the queue', async () => (await application.metric('orders_queue_length')) === waiting);
      }
      await letGo();
      const placed = await Promise.all(answers);
      expect(placed.map(({ status }) => status)).toEqual([201, 201, 201, 201]);
      const rows = await Promise.all(placed.map(({ body }) => onlyRowOf(String(body['id']))));
      expect(new Set(rows.slice(1).map(({ transaction }) => transaction)).size).toBe(1);
      expect(rows.map(({ traceparent }) => traceparent)).toEqual([
        header(await serverOf(opener.traceId)),
        header(await serverOf(first.traceId)),
        header(await serverOf(other.traceId)),
        null,
      ]);
      // The statements of a batch are in the trace of the order that opened it; its events are not.
      const levels = await Promise.all([locked, shared, second, third].map(onlyRowOf));
      expect(levels.map(({ traceparent }) => traceparent)).toEqual([
        header(await serverOf(opener.traceId)),
        // It took the last unit of the two.
        header(await serverOf(other.traceId)),
        header(await serverOf(other.traceId)),
        null,
      ]);
      const servers = await Promise.all([first, other].map(({ traceId }) => serverOf(traceId)));
      await waitFor('the audit log', () => servers.every((server) => linkedTo(server).length > 0));
      // What each batch has written is in the trace of its own opener, also when the one before set it off.
      const writes = ({ traceId }: { traceId: string }) =>
        collector
          .ofTrace(traceId)
          .filter(({ attributes }) =>
            String(attributes['db.query.text']).includes('INSERT INTO outbox_events'),
          );
      await waitFor('the statements', () => writes(first).length > 0);
      expect([opener, first, other].map((trace) => writes(trace).length)).toEqual([1, 1, 0]);
      const consumed = () =>
        new Set(consumersOf(other.traceId).map(({ attributes }) => attributes['messaging.message.id']));
      await waitFor('the consumers', () => consumed().size === 2);
      expect(consumersOf(first.traceId)).toEqual([]);
      expect(collector.ofTrace(silent.traceId)).toEqual([]);
    });
  });

  it('do not exist without tracing, whatever the caller sends', async () => {
    await under.stopProcesses();
    const untraced = await under.startProcess({ OTEL_TRACES_SAMPLER_ARG: '1' });
    const variantId = await under.shop.createVariant(5);
    const placed = await under.order(untraced, newTrace().traceparent('01'), under.orderOf(variantId));
    expect(placed.status).toBe(201);
    const event = await onlyRowOf(variantId);
    expect([event.traceparent, (await onlyRowOf(String(placed.body['id']))).traceparent]).toEqual([
      null,
      null,
    ]);
    const fieldsOf = async () => {
      const entries = await onServer(under.services.redis.url, (server) =>
        server.xrange('caudal:events:stream:{events}', '-', '+'),
      );
      return entries.find(([, fields]) => fields.includes(event.id))?.[1];
    };
    await waitFor('the stream', async () => (await fieldsOf()) !== undefined);
    const names = (await fieldsOf())?.filter((_, index) => index % 2 === 0);
    expect(names).toEqual(['id', 'type', 'aggregateId', 'payload', 'position']);
  });
});

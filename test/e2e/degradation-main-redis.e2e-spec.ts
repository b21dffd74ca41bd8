import { newId } from '../../src/common/ids.js';
import type { ApiAnswer } from '../support/api-client.js';
import { DegradedFleet, dies, losses } from '../support/degraded-fleet.js';
import type { Fleet } from '../support/fleet.js';
import type { TestServices } from '../support/services/index.js';
import type { Buyer, Shop } from '../support/shop.builder.js';
import { DEADLINE_MS, PROCESSES, RECOVERY_DEADLINE_MS } from '../support/shop-fleet.js';
import { expectProblem, newEmail, PASSWORD } from '../support/sign-in-client.js';
import { waitFor } from '../support/wait-for.js';

/** The degradation table's row of the main Redis, on a fleet of real processes. */
describe('a fleet that has lost', () => {
  let degraded: DegradedFleet;
  let fleet: Fleet;
  let shop: Shop;
  let buyer: Buyer;
  let services: TestServices;

  const api = (turn: number) => degraded.at(turn);
  const everywhere = () => degraded.everywhere();

  beforeAll(async () => {
    degraded = await DegradedFleet.start();
    ({ services, fleet, shop } = degraded);
  }, DEADLINE_MS);

  beforeEach(async () => {
    buyer = await degraded.recover();
  }, DEADLINE_MS);

  afterAll(() => degraded.close());

  const unpublished = async (): Promise<number> => {
    const [row] = await shop.rows<{ count: string }>('SELECT count(*) FROM outbox_batches');
    return Number(row?.count);
  };
  const refusalsOf = async (requestIds: readonly string[]): Promise<number> => {
    const [row] = await shop.rows<{ count: string }>(
      `SELECT count(*) FROM audit_entries
       WHERE action = 'auth.login-refused' AND details ->> 'requestId' = ANY ($1::text[])`,
      [requestIds],
    );
    return Number(row?.count);
  };

  it.each(losses)(
    'the main Redis, which %s',
    async (_what, lose, restore) => {
      const [variantId, lastUnit] = [await shop.createVariant(20), await shop.createVariant(1)];
      const rival = await shop.createBuyer();
      await services.waitForReplica();
      const before = await api(0).order(buyer, variantId, 'before');
      const last = await api(1).order(buyer, lastUnit, 'last');
      expect([before.status, last.status]).toEqual([201, 201]);
      expect((await api(2).order(rival, lastUnit)).status).toBe(409);

      await lose(services.redis);
      const during: ApiAnswer[] = [];
      const requestIds: string[] = [];
      for (const [turn, client] of everywhere().entries()) {
        expect((await client.get('/api/v1/products?limit=7')).status).toBe(200);
        const placed = await client.order(buyer, variantId, `during-${String(turn)}`);
        expect(placed.status).toBe(201);
        during.push(placed);
        // Keys of another process, before and during the outage: PostgreSQL keeps the word of the fleet.
        expect((await client.order(buyer, variantId, 'before')).text).toBe(before.text);
        expect((await client.order(buyer, variantId, 'during-0')).text).toBe(during[0]?.text);
        expect((await client.order(buyer, lastUnit, 'last')).text).toBe(last.text);
        expectProblem(await client.order(rival, lastUnit), 409, 'ORDER_OUT_OF_STOCK');
        const payment = await api(turn + 1).pay(buyer, String(placed.body['id']));
        expect([payment.status, payment.body['orderStatus']]).toEqual([201, 'paid']);
        const line = { token: buyer.token, body: { variantId, quantity: 1 } };
        expect((await client.post('/api/v1/cart/lines', line)).status).toBe(201);
        requestIds.push(newId());
        const guess = await client.post('/api/v1/auth/login', {
          headers: { 'x-request-id': requestIds.at(-1) ?? '' },
          body: { email: newEmail(), password: PASSWORD },
        });
        expectProblem(guess, 401, 'CREDENTIALS_INVALID');
      }
      expect(await fleet.statusesOf('/health/ready')).toEqual([200, 200, 200]);
      await fleet.waitForHealth('degraded');
      // Queues pause, and the audit log is on the disk.
      expect(await unpublished()).toBeGreaterThan(0);
      expect(await fleet.sum('audit_spool_bytes')).toBeGreaterThan(0);

      await restore(services.redis);
      await fleet.waitForHealth();
      await waitFor('the queue to run', async () => (await unpublished()) === 0, RECOVERY_DEADLINE_MS);
      await fleet.waitForMetric('audit_spool_bytes', (bytes) => bytes === 0);
      await waitFor(
        'every refusal in the audit log',
        async () => (await refusalsOf(requestIds)) === PROCESSES,
        RECOVERY_DEADLINE_MS,
      );
      for (const client of everywhere()) {
        expectProblem(await client.order(rival, lastUnit), 409, 'ORDER_OUT_OF_STOCK');
        expect((await client.order(buyer, variantId, 'before')).text).toBe(before.text);
        expect((await client.order(buyer, variantId, 'during-0')).text).toBe(during[0]?.text);
      }
      const hints = 'orders_placed_total{outcome="sold-out-hint"}';
      const hinted = await fleet.sum(hints);
      await waitFor(
        'quick refusals to be trusted again',
        async () => {
          expect((await api(0).order(rival, lastUnit)).status).toBe(409);
          return (await fleet.sum(hints)) > hinted;
        },
        RECOVERY_DEADLINE_MS,
      );
      expect((await api(2).order(buyer, variantId)).status).toBe(201);
      expect(await shop.ledgerOf(variantId)).toEqual(await shop.stockOf(variantId));
    },
    DEADLINE_MS,
  );

  it(
    'what its circuit breakers share',
    async () => {
      const [variantId, admin] = [await shop.createVariant(200), await shop.createBuyer('admin')];
      await dies(services.redis);
      const isOpen = 'circuit_breaker_state{breaker="payments-test",state="open"}';
      await waitFor('the circuit of one process to open', async () => {
        await degraded.failAt(0, buyer, variantId);
        return (await fleet.at(0).metric(isOpen)) === 1;
      });
      const refused = 'payments_provider_calls_total{operation="charge",outcome="refused"}';
      const before = await fleet.metrics(refused);
      // By its own results, and nobody else's.
      for (const turn of [1, 2])
        expect((await api(turn).pay(buyer, await degraded.place(turn, buyer, variantId))).status).toBe(201);
      await waitFor('it to refuse', async () => {
        await degraded.failAt(0, buyer, variantId);
        return (await fleet.at(0).metric(refused)) > (before[0] ?? 0);
      });
      expect((await fleet.metrics(refused)).slice(1)).toEqual(before.slice(1));
      const answer = await api(1).put('/api/v1/admin/circuit-breakers/payments-test', {
        token: admin.token,
        body: { mode: 'automatic' },
      });
      expect([answer.status, answer.body['code']]).toEqual([503, 'CIRCUIT_BREAKER_STORE_UNAVAILABLE']);

      await services.redis.restart();
      await fleet.waitForMetric('circuit_breaker_shared{breaker="payments-test"}', (value) => value === 1);
      await degraded.payEverywhere(buyer, variantId);
    },
    DEADLINE_MS,
  );
});

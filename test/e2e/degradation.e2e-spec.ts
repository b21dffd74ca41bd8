import { connect, type Socket } from 'node:net';
import type { AppProcess } from '../support/app-process.js';
import {
  DegradedFleet,
  expectRefusal,
  LIMIT,
  losses,
  MINIMUM_CALLS,
  OPEN_MAX,
} from '../support/degraded-fleet.js';
import type { Fleet } from '../support/fleet.js';
import { anyAddress } from '../support/impatient-client.js';
import type { Redis } from '../support/services/index.js';
import type { Buyer, Shop } from '../support/shop.builder.js';
import { DEADLINE_MS, PROCESSES, RECOVERY_DEADLINE_MS } from '../support/shop-fleet.js';
import { expectProblem, newEmail, PASSWORD } from '../support/sign-in-client.js';
import { waitFor } from '../support/wait-for.js';

/**
 * The degradation table on a fleet of real processes: what still works, what is answered, and that it
 * comes back by itself. The main Redis is in degradation-main-redis, PostgreSQL in degradation-database.
 */
describe('a fleet that has lost', () => {
  let degraded: DegradedFleet;
  let fleet: Fleet;
  let shop: Shop;
  let buyer: Buyer;
  let sessions: Redis;
  let limits: Redis;

  const api = (turn: number) => degraded.at(turn);
  const everywhere = () => degraded.everywhere();

  beforeAll(async () => {
    degraded = await DegradedFleet.start();
    ({ sessions, limits, fleet, shop } = degraded);
  }, DEADLINE_MS);

  beforeEach(async () => {
    buyer = await degraded.recover();
  }, DEADLINE_MS);

  afterAll(() => degraded.close());

  it.each(losses)(
    'the session store, which %s',
    async (_what, lose, restore) => {
      await fleet.waitForSessions();
      const email = newEmail();
      const client = api(0);
      const { accessToken } = await client.register(email);
      const signedIn: Buyer = { userId: '', token: accessToken };
      const held = client.cookie;
      const newcomer = { email: newEmail(), password: PASSWORD, name: 'New' };
      const variantId = await shop.createVariant(5);
      await degraded.services.waitForReplica();

      await lose(sessions);
      for (const each of everywhere()) {
        each.cookie = held;
        const refusals = [
          await each.logIn(email),
          await each.refresh(),
          await each.logOut(),
          await each.post('/api/v1/auth/register', { body: newcomer }),
        ];
        for (const answer of refusals) {
          expectRefusal(answer, 'SESSION_STORE_UNAVAILABLE');
          expect(answer.headers.getSetCookie()).toEqual([]);
        }
        expectProblem(await each.logIn(email, 'another password'), 401, 'CREDENTIALS_INVALID');
        expect((await each.me(accessToken)).status).toBe(200);
        expect((await each.get('/api/v1/products?limit=7')).status).toBe(200);
        expect((await each.order(signedIn, variantId)).status).toBe(201);
      }
      await fleet.waitForHealth('error');
      expect(await fleet.statusesOf('/health/ready')).toEqual([200, 200, 200]);

      await restore(sessions);
      await fleet.waitForSessions();
      client.cookie = held;
      // The session is lost with the store's data, or ended by the log-out that a store that hung had received;
      // it was not replaced by one in memory.
      expectProblem(await client.refresh(), 401, 'REFRESH_TOKEN_INVALID');
      for (const each of everywhere()) expect((await each.logIn(email)).status).toBe(200);
      // Nothing is left of the registration that was refused.
      expect((await api(1).tryToRegister(newcomer)).status).toBe(201);
    },
    DEADLINE_MS,
  );

  it.each(losses)(
    'the Redis of the rate limits, which %s',
    async (_what, lose, restore) => {
      const ask = (turn: number, address: string) =>
        api(turn).get('/api/v1/categories', { headers: { 'x-forwarded-for': address } });
      /** How many of so many calls each process has let in. */
      const storm = async (address: string, callsOfEach: number): Promise<number[]> => {
        const admitted = fleet.processes.map(() => 0);
        for (let call = 0; call < callsOfEach * PROCESSES; call += 1) {
          const answer = await ask(call, address);
          expect([200, 429]).toContain(answer.status);
          expect(answer.headers.get('ratelimit')).toContain('"default"');
          if (answer.status === 200) admitted[call % PROCESSES] = (admitted[call % PROCESSES] ?? 0) + 1;
          else expect(Number(answer.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
        }
        return admitted;
      };
      const total = (admitted: readonly number[]) => admitted.reduce((sum, each) => sum + each, 0);
      await fleet.waitForMetric('rate_limiter_live_pods', (pods) => pods === PROCESSES);
      expect(total(await storm(anyAddress(), LIMIT / 2))).toBe(LIMIT);

      await lose(limits);
      await fleet.waitForMetric(
        'rate_limiter_fallback_active',
        (value) => value === 1,
        () => Promise.all(everywhere().map((client) => client.get('/api/v1/categories'))),
      );
      expect(await storm(anyAddress(), LIMIT / 2)).toEqual(fleet.processes.map(() => LIMIT / PROCESSES));
      const variantId = await shop.createVariant(5);
      for (const client of everywhere()) {
        expect((await client.order(buyer, variantId)).status).toBe(201);
        expect((await client.tryToRegister()).status).toBe(201);
      }
      await fleet.waitForHealth('degraded');

      await restore(limits);
      await fleet.waitForMetric('rate_limiter_fallback_active', (value) => value === 0);
      await fleet.waitForMetric('rate_limiter_live_pods', (pods) => pods === PROCESSES);
      expect(total(await storm(anyAddress(), LIMIT / 2))).toBe(LIMIT);
    },
    DEADLINE_MS,
  );

  it(
    'the payment provider',
    async () => {
      const variantId = await shop.createVariant(200);
      const kept = await degraded.place(0, buyer, variantId);
      const reservation = () =>
        shop.rows<{ status: string; reserved_until: Date }>(
          'SELECT status, reserved_until FROM orders WHERE id = $1',
          [kept],
        );
      const held = await reservation();
      expect(held[0]?.status).toBe('pending_payment');
      for (let call = 0; call < MINIMUM_CALLS; call += 1) await degraded.failAt(0, buyer, variantId);
      // Each of the others refuses without having seen one failure itself.
      const refused = 'payments_provider_calls_total{operation="charge",outcome="refused"}';
      await fleet.waitForMetric(
        refused,
        (count) => count > 0,
        () => Promise.all(fleet.processes.map((_, turn) => degraded.failAt(turn, buyer, variantId))),
      );
      for (const client of everywhere()) {
        expect((await client.get('/api/v1/products?limit=7')).status).toBe(200);
        const line = { token: buyer.token, body: { variantId, quantity: 1 } };
        expect((await client.post('/api/v1/cart/lines', line)).status).toBe(201);
        expect((await client.order(buyer, variantId)).status).toBe(201);
      }
      expect(await reservation()).toEqual(held);

      await waitFor(
        'the payment of the reservation',
        async () => (await api(0).pay(buyer, kept)).status === 201,
        RECOVERY_DEADLINE_MS,
      );
      await degraded.payEverywhere(buyer, variantId);
      expect((await reservation())[0]?.status).toBe('paid');
    },
    DEADLINE_MS,
  );

  it(
    'room in one of its processes, which sheds browsing first',
    async () => {
      const overloaded = fleet.at(0);
      const variantId = await shop.createVariant(5);
      const shed = (priority: string) =>
        overloaded.metric(`load_shedding_requests_shed_total{priority="${priority}",reason="concurrency"}`);
      const [ordinary, critical] = [await shed('ordinary'), await shed('critical')];
      const sockets = holdOpen(overloaded, OPEN_MAX);
      try {
        await waitFor(
          'the limit to be reached',
          async () => (await overloaded.metric('load_shedding_requests_open')) >= OPEN_MAX,
        );
        expectRefusal(await api(0).get('/api/v1/products?limit=9'), 'SERVER_OVERLOADED');
        const placed = await api(0).order(buyer, variantId);
        expect(placed.status).toBe(201);
        expect((await api(0).pay(buyer, String(placed.body['id']))).status).toBe(201);
        for (const path of ['/health', '/health/live', '/health/ready'])
          expect(await fleet.statusesOf(path)).toEqual([200, 200, 200]);
        for (const turn of [1, 2]) expect((await api(turn).get('/api/v1/products?limit=9')).status).toBe(200);
        expect([await shed('ordinary'), await shed('critical')]).toEqual([ordinary + 1, critical]);
        const series = 'http_requests_total{method="GET",route="/api/v1/products",status="503"}';
        expect(await overloaded.metric(series)).toBe(1);
      } finally {
        for (const socket of sockets) socket.destroy();
      }
      await waitFor(
        'browsing to be answered',
        async () => (await api(0).get('/api/v1/products?limit=9')).status === 200,
      );
    },
    DEADLINE_MS,
  );
});

/** Requests of the middle class that stay open, because their bodies do not arrive. */
function holdOpen(application: AppProcess, count: number): Socket[] {
  return Array.from({ length: count }, () => {
    const socket = connect(application.port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write(
      `POST /api/v1/cart/lines HTTP/1.1\r\nHost: shop.example\r\nX-Forwarded-For: ${anyAddress()}\r\n` +
        'Content-Type: application/json\r\nContent-Length: 100\r\n\r\n',
    );
    return socket;
  });
}

import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newId } from '../../src/common/ids.js';
import { type ApiAnswer } from '../support/api-client.js';
import { testEnvironment } from '../support/app-harness.js';
import type { AppProcess } from '../support/app-process.js';
import { Fleet } from '../support/fleet.js';
import { anyAddress, ImpatientClient } from '../support/impatient-client.js';
import { type Redis, startTestServices, type TestServices } from '../support/services/index.js';
import { type Buyer, Shop } from '../support/shop.builder.js';
import { expectProblem, newEmail, PASSWORD } from '../support/sign-in-client.js';
import { waitFor } from '../support/wait-for.js';

/** Of a test, on a machine that does other things as well. */
const DEADLINE_MS = 180_000;
const PROCESSES = 3;
/** Per client and minute: small enough to be shared out by hand. */
const LIMIT = 30;
/** Open requests of a process from which on it is overloaded. */
const OPEN_MAX = 20;
const MINIMUM_CALLS = 4;
const RECOVERY_DEADLINE_MS = 45_000;

const dies = async (redis: Redis): Promise<void> => {
  redis.kill();
  await redis.waitForExit();
};
const losses: [string, (redis: Redis) => Promise<void>, (redis: Redis) => Promise<void>][] = [
  ['is dead', dies, (redis) => redis.restart()],
  [
    'hangs',
    (redis) => {
      redis.kill('SIGSTOP');
      return Promise.resolve();
    },
    (redis) => {
      redis.kill('SIGCONT');
      return Promise.resolve();
    },
  ],
];

function expectRefusal(answer: ApiAnswer, code: string): void {
  expectProblem(answer, 503, code);
  expect(Number(answer.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
}

/**
 * The degradation table on a fleet of real processes: what still works, what is answered, and that it
 * comes back by itself. What PostgreSQL has to do with it is in degradation-database.e2e-spec.ts.
 */
describe('a fleet that has lost', () => {
  let services: TestServices;
  let sessions: Redis;
  let limits: Redis;
  let fleet: Fleet;
  let shop: Shop;
  let buyer: Buyer;
  let spool: string;

  const api = (turn: number) => new ImpatientClient(fleet.at(turn).url);
  const everywhere = () => fleet.processes.map((_, turn) => api(turn));

  beforeAll(async () => {
    services = await startTestServices();
    [sessions, limits] = [await services.startAnotherRedis(), await services.startAnotherRedis()];
    spool = mkdtempSync(join(tmpdir(), 'caudal-spool-'));
    fleet = await Fleet.start(
      PROCESSES,
      testEnvironment(services, {
        REDIS_SESSION_URL: sessions.url,
        REDIS_RATE_LIMIT_URL: limits.url,
        REDIS_COMMAND_TIMEOUT_MS: '300',
        DATABASE_ACQUIRE_TIMEOUT_MS: '3000',
        DATABASE_STATEMENT_TIMEOUT_MS: '2000',
        TRUST_PROXY_HOPS: '1',
        RATE_LIMIT_ENABLED: 'true',
        RATE_LIMIT_PER_MINUTE: String(LIMIT),
        LOAD_SHEDDING_LIMIT_MIN: String(OPEN_MAX),
        LOAD_SHEDDING_LIMIT_MAX: String(OPEN_MAX),
        LOAD_SHEDDING_ORDINARY_SHARE_PERCENT: '0',
        CIRCUIT_BREAKER_MINIMUM_CALLS: String(MINIMUM_CALLS),
        CIRCUIT_BREAKER_OPEN_MS: '500',
        CIRCUIT_BREAKER_OPEN_MAX_MS: '500',
        CIRCUIT_BREAKER_PROBES: '1',
        CIRCUIT_BREAKER_QUORUM: '1',
        PAYMENT_RECONCILE_AFTER_MS: '3600000',
        AUDIT_SPOOL_DIR: spool,
        AUDIT_TAKEOVER_MS: '1000',
      }),
    );
    shop = new Shop(services.databaseUrl);
  }, DEADLINE_MS);

  beforeEach(async () => {
    buyer = await shop.createBuyer();
    await services.waitForReplica();
    await fleet.waitForHealth();
    await fleet.waitForMetric('rate_limiter_fallback_active', (value) => value === 0);
  }, DEADLINE_MS);

  afterAll(async () => {
    await fleet.stop('SIGKILL');
    await shop.close();
    await services.close();
    rmSync(spool, { recursive: true });
  });

  const unpublished = async (): Promise<number> => {
    const [row] = await shop.rows<{ count: string }>(
      'SELECT count(*) FROM outbox_events WHERE published_at IS NULL',
    );
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

  const place = async (turn: number, variantId: string) => {
    const { status, body } = await api(turn).order(buyer, variantId);
    expect(status).toBe(201);
    return String(body['id']);
  };
  const failAt = async (turn: number, variantId: string): Promise<void> => {
    const answer = await api(turn).pay(buyer, await place(turn, variantId), 'tok_outage');
    expectRefusal(answer, 'PAYMENT_PROVIDER_UNAVAILABLE');
  };
  /** Closes the circuit of every process, whatever it was. */
  const payEverywhere = async (variantId: string) => {
    for (const [turn] of fleet.processes.entries()) {
      const orderId = await place(turn, variantId);
      await waitFor(
        'payments to be taken again',
        async () => (await api(turn).pay(buyer, orderId)).status === 201,
        RECOVERY_DEADLINE_MS,
      );
    }
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
        await failAt(0, variantId);
        return (await fleet.at(0).metric(isOpen)) === 1;
      });
      const refused = 'payments_provider_calls_total{operation="charge",outcome="refused"}';
      const before = await fleet.metrics(refused);
      // By its own results, and nobody else's.
      for (const turn of [1, 2])
        expect((await api(turn).pay(buyer, await place(turn, variantId))).status).toBe(201);
      await waitFor('it to refuse', async () => {
        await failAt(0, variantId);
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
      await payEverywhere(variantId);
    },
    DEADLINE_MS,
  );

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
      await services.waitForReplica();

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
      const kept = await place(0, variantId);
      const reservation = () =>
        shop.rows<{ status: string; reserved_until: Date }>(
          'SELECT status, reserved_until FROM orders WHERE id = $1',
          [kept],
        );
      const held = await reservation();
      expect(held[0]?.status).toBe('pending_payment');
      for (let call = 0; call < MINIMUM_CALLS; call += 1) await failAt(0, variantId);
      // Each of the others refuses without having seen one failure itself.
      const refused = 'payments_provider_calls_total{operation="charge",outcome="refused"}';
      await fleet.waitForMetric(
        refused,
        (count) => count > 0,
        () => Promise.all(fleet.processes.map((_, turn) => failAt(turn, variantId))),
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
      await payEverywhere(variantId);
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

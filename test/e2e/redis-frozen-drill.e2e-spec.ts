import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { newId } from '../../src/common/ids.js';
import { ApiClient, type ApiRequest } from '../support/api-client.js';
import { testEnvironment } from '../support/app-harness.js';
import { AppProcess } from '../support/app-process.js';
import { startTestServices, type TestServices } from '../support/services/index.js';
import { ADDRESS, type Buyer, Shop } from '../support/shop.builder.js';
import { newEmail, PASSWORD, SignInClient, waitForSessionStore } from '../support/sign-in-client.js';
import { waitFor } from '../support/wait-for.js';

const PROCESSES = 3;
const FROZEN_MS = 10_000;
const RECOVERY_MS = 5000;
/** Between two journeys of the load; each is half a dozen requests to one process after another. */
const JOURNEY_EVERY_MS = 100;
const ADDRESSES = 250;
/** Of one process, whose compiler and heap are still growing into the load. */
const GROWTH_MAX_BYTES = 50 * 1024 * 1024;

type Phase = 'before' | 'frozen' | 'after';

interface Seen {
  readonly phase: Phase;
  readonly what: string;
  readonly status: number;
  readonly code: string;
  readonly tookMs: number;
}

/** What the degradation table allows beside the ordinary answers while Redis is away. */
const ALLOWED_WHILE_FROZEN: Readonly<Record<string, readonly string[]>> = {
  live: ['200 '],
  ready: ['200 '],
  catalogue: ['200 '],
  order: ['201 '],
  payment: ['201 '],
  'own orders': ['200 '],
  'log-in': ['200 ', '503 SESSION_STORE_UNAVAILABLE'],
};

/**
 * The drill: every role of Redis freezes for ten seconds under steady load, with limits, breakers,
 * sessions, audit and health at work. What is answered meanwhile is the degradation table's answer, and
 * everything is itself again within five seconds of its return.
 */
describe('with Redis frozen for ten seconds under steady load', () => {
  let services: TestServices;
  let shop: Shop;
  let processes: AppProcess[];
  let variantId: string;
  let productPath: string;
  let buyers: Buyer[];
  let phase: Phase = 'before';
  const seen: Seen[] = [];
  /** Several, so that no one's log-ins are taken for guesses. */
  const accounts = Array.from({ length: 6 }, newEmail);

  beforeAll(async () => {
    services = await startTestServices();
    shop = new Shop(services.databaseUrl);
    const environment = testEnvironment(services, {
      TRUST_PROXY_HOPS: '1',
      RATE_LIMIT_ENABLED: 'true',
      REDIS_COMMAND_TIMEOUT_MS: '100',
    });
    processes = await Promise.all(Array.from({ length: PROCESSES }, () => AppProcess.start(environment)));
    variantId = await shop.createVariant(100_000);
    const [product] = await shop.rows<{ slug: string }>(
      'SELECT p.slug FROM products p JOIN variants v ON v.product_id = p.id WHERE v.id = $1',
      [variantId],
    );
    productPath = `/api/v1/products/${product?.slug ?? ''}`;
    buyers = await shop.createBuyers(ADDRESSES);
    for (const each of processes) await waitForSessionStore(each.url);
    for (const email of accounts) await new SignInClient(urlOf(0)).register(email);
  });

  afterAll(async () => {
    services.redis.kill('SIGCONT');
    await Promise.all(processes.map((each) => each.stop()));
    await shop.close();
    await services.close();
  });

  const urlOf = (turn: number): string => {
    const target = processes[turn % PROCESSES];
    if (target === undefined) throw new Error('there is no process');
    return target.url;
  };

  async function ask(
    what: string,
    turn: number,
    method: string,
    path: string,
    request: ApiRequest = {},
  ): Promise<Record<string, unknown>> {
    // A request belongs to the phase in which it was sent, unless the phase changed on its way.
    const sentIn = phase;
    const startMs = performance.now();
    const headers = {
      'x-forwarded-for': `10.9.${String(turn % ADDRESSES)}.${String(what.length)}`,
      ...request.headers,
    };
    const answer = await new ApiClient(urlOf(turn)).request(method, path, { ...request, headers });
    if (sentIn === phase)
      seen.push({
        phase,
        what,
        status: answer.status,
        code: typeof answer.body['code'] === 'string' ? answer.body['code'] : '',
        tookMs: performance.now() - startMs,
      });
    return answer.body;
  }

  /** Looks, buys and pays, each time at another process. */
  async function journey(turn: number): Promise<void> {
    const buyer = buyers[turn % ADDRESSES];
    if (buyer === undefined) throw new Error('there is no buyer');
    const { token } = buyer;
    await Promise.all([
      ask('live', turn, 'GET', '/health/live'),
      ask('ready', turn, 'GET', '/health/ready'),
      ask('catalogue', turn + 1, 'GET', productPath),
      ask('own orders', turn + 2, 'GET', '/api/v1/orders', { token }),
    ]);
    if (turn % 10 === 0)
      await ask('log-in', turn, 'POST', '/api/v1/auth/login', {
        body: { email: accounts[(turn / 10) % accounts.length], password: PASSWORD },
      });
    const order = await ask('order', turn, 'POST', '/api/v1/orders', {
      token,
      key: newId(),
      body: { lines: [{ variantId, quantity: 1 }], shippingAddress: ADDRESS },
    });
    if (typeof order['id'] === 'string')
      await ask('payment', turn + 1, 'POST', `/api/v1/orders/${order['id']}/payments`, {
        token,
        key: newId(),
        body: { provider: 'test', token: 'tok_success' },
      });
  }

  const residentBytes = async (): Promise<number> => {
    const each = await Promise.all(processes.map((one) => one.metric('process_resident_memory_bytes')));
    return each.reduce((sum, bytes) => sum + bytes, 0);
  };

  const answersOf = (...phases: Phase[]): Record<string, string[]> => {
    const found: Record<string, Set<string>> = {};
    for (const { what, status, code } of seen.filter((one) => phases.includes(one.phase)))
      (found[what] ??= new Set()).add(`${String(status)} ${code}`);
    return Object.fromEntries(Object.entries(found).map(([what, answers]) => [what, [...answers].sort()]));
  };

  it('answers by the table, keeps its memory, and is itself again within five seconds', async () => {
    const journeys = new Set<Promise<void>>();
    const failures: unknown[] = [];
    const over = new AbortController();
    const load = (async () => {
      for (let turn = 0; !over.signal.aborted; turn += 1) {
        const one = journey(turn)
          .catch((error: unknown) => failures.push(error))
          .then(() => undefined)
          .finally(() => journeys.delete(one));
        journeys.add(one);
        await sleep(JOURNEY_EVERY_MS);
      }
    })();
    try {
      await waitFor('the load to run', () => seen.length > 300);
      const bytesBefore = await residentBytes();
      services.redis.kill('SIGSTOP');
      phase = 'frozen';
      // The drill is about this long a time.
      await sleep(FROZEN_MS);
      const bytesFrozen = await residentBytes();
      services.redis.kill('SIGCONT');
      phase = 'after';
      let attempt = 0;
      await waitFor(
        'every process to know sessions again',
        async () => {
          attempt += 1;
          const headers = { 'x-forwarded-for': `10.8.${String(attempt >> 8)}.${String(attempt & 255)}` };
          const answers = await Promise.all(
            processes.map(({ url }) => {
              const client = new SignInClient(url);
              client.cookie = randomBytes(57).toString('base64url');
              return client.refresh(headers).then(({ status }) => status);
            }),
          );
          return answers.every((status) => status === 401);
        },
        RECOVERY_MS,
      );
      expect(bytesFrozen - bytesBefore).toBeLessThan(PROCESSES * GROWTH_MAX_BYTES);
    } finally {
      over.abort();
      await load;
      await Promise.all(journeys);
    }

    expect(failures).toEqual([]);
    const frozen = answersOf('frozen');
    expect(Object.keys(frozen).sort()).toEqual(Object.keys(ALLOWED_WHILE_FROZEN).sort());
    for (const [what, answers] of Object.entries(frozen)) {
      const unexpected = answers.filter((answer) => ALLOWED_WHILE_FROZEN[what]?.includes(answer) !== true);
      expect([what, unexpected]).toEqual([what, []]);
    }
    expect(frozen['log-in']).toContain('503 SESSION_STORE_UNAVAILABLE');
    const slowestMs = Math.max(...seen.filter((one) => one.phase === 'frozen').map(({ tookMs }) => tookMs));
    expect(slowestMs).toBeLessThan(3000);

    const acknowledged = seen.filter(({ what, status }) => what === 'order' && status === 201).length;
    const [stored] = await shop.rows<{ count: string }>('SELECT count(*) FROM orders');
    expect(Number(stored?.count)).toBeGreaterThanOrEqual(acknowledged);
    const units = await shop.stockOf(variantId);
    const [held] = await shop.rows<{ units: string }>(
      `SELECT coalesce(sum(l.quantity), 0) AS units FROM order_lines l
       JOIN orders o ON o.id = l.order_id WHERE o.status IN ('pending_payment', 'paid')`,
    );
    expect(100_000 - units.onHand + units.reserved).toBe(Number(held?.units));
  }, 60_000);
});

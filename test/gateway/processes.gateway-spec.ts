import { randomUUID } from 'node:crypto';
import { testEnvironment } from '../support/app-harness.js';
import { Fleet } from '../support/fleet.js';
import { type GatewayAnswer, type GatewayRequest } from '../support/gateway/gateway-client.js';
import { GatewayUnderTest } from '../support/gateway/gateway-under-test.js';
import { startTestServices, type TestServices } from '../support/services/index.js';
import { ADDRESS, type Buyer, Shop } from '../support/shop.builder.js';
import { waitFor } from '../support/wait-for.js';

const DEADLINE_MS = 180_000;
const RATE_LIMIT = 40;

describe('the gateway in front of two processes', () => {
  let services: TestServices;
  let shop: Shop;
  let fleet: Fleet;
  let gateway: GatewayUnderTest;
  let buyer: Buyer;
  let variantId: string;

  beforeAll(async () => {
    services = await startTestServices();
    shop = new Shop(services.databaseUrl);
    buyer = await shop.createBuyer();
    variantId = await shop.createVariant(1_000_000);
    await services.waitForReplica();
    fleet = await Fleet.start(
      2,
      testEnvironment(services, {
        TRUST_PROXY_HOPS: '1',
        RATE_LIMIT_ENABLED: 'true',
        RATE_LIMIT_PER_MINUTE: String(RATE_LIMIT),
        RATE_LIMIT_USER_PER_MINUTE: '10000',
        // As in the compose stack, and longer than the gateway keeps a connection that it does not use.
        SHUTDOWN_DELAY_MS: '5000',
        LOG_LEVEL: 'info',
        ACCESS_LOG: 'all',
      }),
    );
    gateway = await GatewayUnderTest.start({
      // One proxy in front, so that every request has an address of its own.
      outerHops: 1,
      upstreams: fleet.processes.map(({ port }) => `127.0.0.1:${String(port)}`),
    });
  }, DEADLINE_MS);

  afterAll(async () => {
    await gateway.stop();
    await fleet.stop('SIGKILL');
    await shop.close();
    await services.close();
  });

  let addresses = 0;
  /** From another client each time, unless it says who it is. */
  function send(path: string, options: GatewayRequest = {}): Promise<GatewayAnswer> {
    addresses += 1;
    const address = `203.0.${String(addresses >> 8)}.${String(addresses & 255)}`;
    return gateway.client.send(path, {
      ...options,
      headers: { 'x-forwarded-for': address, ...options.headers },
    });
  }

  const order = (key: string): Promise<GatewayAnswer> =>
    send('/api/v1/rest/orders', {
      method: 'POST',
      headers: { authorization: `Bearer ${buyer.token}`, 'idempotency-key': key },
      body: { lines: [{ variantId, quantity: 1 }], shippingAddress: ADDRESS },
    });

  it('shows the same below the alias, with the name of the request in answer and both logs', async () => {
    const [one, other] = [await send('/api/v1/products'), await send('/api/v1/rest/products')];
    expect([one.status, other.status, other.text]).toEqual([200, 200, one.text]);
    const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
    const { body, headers } = await send('/api/v1/products/00000000-0000-7000-8000-000000000000', {
      headers: { 'x-request-id': 'through-both-logs', traceparent: `00-${traceId}-00f067aa0ba902b7-00` },
    });
    expect(body).toMatchObject({ code: 'PRODUCT_NOT_FOUND', requestId: 'through-both-logs', traceId });
    expect(headers['x-request-id']).toBe('through-both-logs');
    expect(await gateway.lineOf('through-both-logs')).toMatchObject({ traceId, status: 404 });
    await waitFor('the line of the process', () =>
      fleet.processes.some(({ log }) => log.includes('"requestId":"through-both-logs"')),
    );
  });

  it('shows neither metrics nor the management port', async () => {
    for (const path of ['/metrics', '/api/v1/metrics', '/api/v1/rest/metrics', '/health/process'])
      expect((await send(path)).status).toBe(404);
  });

  it('lets the application count clients by the address that the gateway has told it', async () => {
    const headers = (time: number) => ({ 'x-forwarded-for': `10.9.8.${String(time)}, 203.0.113.200` });
    const statuses: number[] = [];
    for (let time = 0; time < RATE_LIMIT + 5; time += 1)
      statuses.push((await send('/api/v1/categories', { headers: headers(time) })).status);
    expect(statuses.filter((status) => status === 429).length).toBeGreaterThan(0);
    expect(statuses[0]).toBe(200);
    expect((await send('/api/v1/categories')).status).toBe(200);
  });

  it('compares the Origin of a sign-in with the host and port that the client has asked', async () => {
    const tryToLogIn = (origin: string) =>
      send('/api/v1/auth/login', {
        method: 'POST',
        headers: { origin },
        body: { email: 'nobody@example.com', password: 'no such password' },
      });
    expect((await tryToLogIn(gateway.client.origin)).body).toMatchObject({ code: 'CREDENTIALS_INVALID' });
    expect((await tryToLogIn('https://evil.example')).body).toMatchObject({ code: 'ORIGIN_NOT_ALLOWED' });
  });

  it(
    'fails no request that may be repeated when processes are killed, and neither doubles nor loses an order',
    async () => {
      const before = await shop.pool.query('SELECT count(*)::int AS n FROM orders');
      const statuses = new Map<string, number>();
      const keys: string[] = [];
      let isOver = false;
      const note = (name: string, { status, body }: GatewayAnswer) => {
        const { code = '' } = body as { code?: string };
        const key = `${name} ${String(status)} ${code}`.trim();
        statuses.set(key, (statuses.get(key) ?? 0) + 1);
      };
      const buy = async () => {
        while (!isOver) {
          const key = randomUUID();
          keys.push(key);
          note('order', await order(key));
        }
      };
      const browse = async () => {
        while (!isOver) note('read', await send('/api/v1/products'));
      };
      const load = [buy(), buy(), browse(), browse()];
      for (let turn = 0; turn < 4; turn += 1) {
        const target = keys.length + 20;
        await waitFor('orders', () => keys.length >= target, 60_000);
        await fleet.at(turn).stop('SIGKILL');
        await fleet.at(turn).start();
      }
      isOver = true;
      await Promise.all(load);
      expect([...statuses.keys()].sort()).toEqual(['order 201', 'read 200']);
      const after = await shop.pool.query('SELECT count(*)::int AS n FROM orders');
      const count = (result: { rows: unknown[] }) => (result.rows[0] as { n: number }).n;
      expect(count(after) - count(before)).toBe(keys.length);
      // Each key has its one order: sent again, it gets the same answer.
      const again = await order(keys[0]!);
      expect([again.status, again.headers['idempotency-replayed']]).toEqual([201, 'true']);
    },
    DEADLINE_MS,
  );

  it(
    'fails no request at all, with or without a key, when a process is restarted in order',
    async () => {
      const statuses = new Map<string, number>();
      let isOver = false;
      const put = async (method: string, path: string, body?: unknown) => {
        while (!isOver) {
          const { status, text } = await send(path, {
            method,
            headers: { authorization: `Bearer ${buyer.token}` },
            body,
          });
          const key = `${method} ${String(status)} ${/"code":"(\w+)"/.exec(text)?.[1] ?? ''}`.trim();
          statuses.set(key, (statuses.get(key) ?? 0) + 1);
        }
      };
      const load = [
        put('POST', '/api/v1/cart/lines', { variantId, quantity: 1 }),
        put('DELETE', '/api/v1/cart/lines/00000000-0000-7000-8000-000000000000'),
        put('GET', '/api/v1/cart'),
      ];
      for (let turn = 0; turn < 2; turn += 1) {
        expect(await fleet.at(turn).stop()).toBe(0);
        await fleet.at(turn).start();
      }
      isOver = true;
      await Promise.all(load);
      expect([...statuses.keys()].filter((key) => / 5\d\d/.test(key))).toEqual([]);
    },
    DEADLINE_MS,
  );
});

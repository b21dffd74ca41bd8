import { newId } from '../../src/common/ids.js';
import { AuditLog } from '../../src/core/audit-log/index.js';
import { type ApiAnswer, ApiClient } from '../support/api-client.js';
import { type AppUnderTest, startApp } from '../support/app-harness.js';
import { startTestServices, type TestServices } from '../support/services/index.js';
import { ADDRESS, type Buyer, Shop } from '../support/shop.builder.js';
import { expectProblem, newEmail, SignInClient, waitForSessionStore } from '../support/sign-in-client.js';
import { waitFor } from '../support/wait-for.js';

interface Entry {
  readonly id: string;
  readonly occurredAt: string;
  readonly actor: string;
  readonly action: string;
  readonly resource: string;
  readonly details: Record<string, unknown>;
}

describe('the audit log', () => {
  let services: TestServices;
  let application: AppUnderTest;
  let api: ApiClient;
  let shop: Shop;
  let admin: Buyer;
  let buyer: Buyer;

  beforeAll(async () => {
    services = await startTestServices();
    // Reads go to the primary: what this test waits for is the way into the table, not its replication.
    const { databaseUrl, redis } = services;
    application = await startApp({ services: { databaseUrl, redis }, env: { RESERVATION_TTL_SECONDS: '2' } });
    api = new ApiClient(application.url);
    shop = new Shop(services.databaseUrl);
    await waitForSessionStore(application.url);
    [admin, buyer] = [await shop.createBuyer('admin'), await shop.createBuyer()];
  });

  afterAll(async () => {
    await shop.close();
    await application.close();
    await services.close();
  });

  const list = (query: Record<string, string>, token = admin.token): Promise<ApiAnswer> =>
    api.get(`/api/v1/admin/audit?${new URLSearchParams(query).toString()}`, { token });
  const entries = async (query: Record<string, string>): Promise<Entry[]> => {
    const { status, body } = await list(query);
    expect(status).toBe(200);
    return (body as { items: Entry[] }).items;
  };
  /** The newest entry that fits, once it is there. */
  const entryOf = async (query: Record<string, string>): Promise<Entry> => {
    let found: Entry | undefined;
    await waitFor(`an entry of ${JSON.stringify(query)}`, async () => {
      [found] = await entries({ ...query, limit: '1' });
      return found !== undefined;
    });
    if (found === undefined) throw new Error('no entry');
    return found;
  };
  const placeOrder = async (requestId: string = newId()): Promise<string> => {
    const variantId = await shop.createVariant(10);
    const { status, body } = await api.post('/api/v1/orders', {
      token: buyer.token,
      key: newId(),
      headers: { 'x-request-id': requestId, traceparent: `00-${'ab'.repeat(16)}-${'cd'.repeat(8)}-01` },
      body: { lines: [{ variantId, quantity: 1 }], shippingAddress: ADDRESS },
    });
    expect(status).toBe(201);
    return String(body['id']);
  };

  describe('of orders', () => {
    it('says who placed one, for how much, and by which request', async () => {
      const id = await placeOrder('audited-request-1');
      const entry = await entryOf({ resource: `order:${id}`, action: 'order.placed' });
      expect(entry.actor).toBe(`user:${buyer.userId}`);
      expect(entry.details).toEqual({
        class: 'business',
        ip: '127.0.0.1',
        requestId: 'audited-request-1',
        traceId: 'ab'.repeat(16),
        traceparent: `00-${'ab'.repeat(16)}-${'cd'.repeat(8)}-01`,
        after: {
          status: 'pending_payment',
          number: expect.any(String) as string,
          totalMinor: 1999,
          currency: 'USD',
        },
      });
      expect(JSON.stringify(entry)).not.toContain(ADDRESS.line1);
    });

    it('says who paid, cancelled and refunded one, and that the sweeper let one expire', async () => {
      const paid = await placeOrder();
      const payment = await api.post(`/api/v1/orders/${paid}/payments`, {
        token: buyer.token,
        key: newId(),
        body: { provider: 'test', token: 'tok_success' },
      });
      expect(payment.status).toBe(201);
      expect((await entryOf({ resource: `order:${paid}`, action: 'order.paid' })).details).toMatchObject({
        before: { status: 'pending_payment' },
        after: { status: 'paid' },
      });
      await api.post(`/api/v1/orders/${paid}/cancel`, { token: buyer.token });
      for (const [action, before] of [
        ['order.cancelled', 'paid'],
        ['order.refunded', 'cancelled'],
      ] as const) {
        const entry = await entryOf({ resource: `order:${paid}`, action });
        expect([entry.actor, entry.details['before']]).toEqual([`user:${buyer.userId}`, { status: before }]);
      }
      const expired = await placeOrder();
      const entry = await entryOf({ resource: `order:${expired}`, action: 'order.expired' });
      expect(entry.actor).toBe('system:reservation-sweeper');
      // In the order in which it happened.
      const actions = (await entries({ resource: `order:${paid}` })).map(({ action }) => action);
      expect(actions).toEqual(['order.refunded', 'order.cancelled', 'order.paid', 'order.placed']);
    });
  });

  it('of signing in says who registered, logged in and out, who was refused, and never a secret', async () => {
    const client = new SignInClient(application.url);
    const email = newEmail();
    const { user } = await client.register(email);
    expect((await entryOf({ resource: `user:${user.id}`, action: 'user.registered' })).actor).toBe(
      `user:${user.id}`,
    );
    expect((await client.logIn(email)).status).toBe(200);
    expect((await entryOf({ actor: `user:${user.id}`, action: 'auth.logged-in' })).details['ip']).toBe(
      '127.0.0.1',
    );
    expect((await new SignInClient(application.url).logIn(email, 'not the password')).status).toBe(401);
    expect((await entryOf({ action: 'auth.login-refused' })).resource).toMatch(/^account:[0-9a-f]{24}$/);

    const stolen = new SignInClient(application.url);
    stolen.cookie = client.cookie;
    expect((await client.refresh()).status).toBe(200);
    const latest = client.cookie;
    expect((await stolen.refresh()).status).toBe(401);
    // Whether the owner or a thief showed it, nobody knows; whose session it was is known.
    const reuse = await entryOf({ action: 'auth.refresh-reused', resource: `user:${user.id}` });
    expect([reuse.actor, reuse.details['cause']]).toEqual(['anonymous', 'reused']);

    expect((await client.logIn(email)).status).toBe(200);
    const session = client.cookie;
    expect((await client.logOut()).status).toBe(204);
    const loggedOut = await entryOf({ action: 'auth.logged-out', actor: `user:${user.id}` });
    expect(loggedOut).toMatchObject({
      resource: `user:${user.id}`,
      details: { ip: '127.0.0.1', requestId: expect.any(String) as string },
    });
    const text = JSON.stringify(
      (await shop.rows('SELECT actor, resource, details FROM audit_entries')).slice(),
    );
    for (const secret of [email, 'not the password', latest, session]) expect(text).not.toContain(secret);
  });

  it('of sessions says who ended one or all of them, the owner or an administrator', async () => {
    const client = new SignInClient(application.url);
    const email = newEmail();
    const { user } = await client.register(email);
    const logIn = async () => String((await client.logIn(email)).body['accessToken']);
    const mine = '/api/v1/me/sessions';
    let token = await logIn();
    const { body } = await client.get(mine, { token });
    const [{ id }] = body['items'] as [{ id: string }];
    expect((await client.request('DELETE', `${mine}/${id}`, { token })).status).toBe(204);
    expect((await entryOf({ action: 'auth.session-ended', resource: `session:${id}` })).actor).toBe(
      `user:${user.id}`,
    );
    token = await logIn();
    expect((await client.request('DELETE', mine, { token })).status).toBe(200);
    const resource = `user:${user.id}`;
    const all = await entryOf({ action: 'auth.sessions-ended', resource });
    expect([all.actor, all.details['after']]).toEqual([
      `user:${user.id}`,
      { count: expect.any(Number) as number },
    ]);
    await logIn();
    const path = `/api/v1/admin/users/${user.id}/sessions`;
    expect((await api.request('DELETE', path, { token: admin.token })).status).toBe(200);
    const forced = await entryOf({
      action: 'auth.sessions-ended',
      resource,
      actor: `user:${admin.userId}`,
    });
    expect(forced.details['after']).toEqual({ count: 1 });
  });

  it('of circuit breakers says who forced one into which mode', async () => {
    const path = '/api/v1/admin/circuit-breakers/payments-test';
    const set = (mode: string) => api.put(path, { token: admin.token, body: { mode } });
    expect((await set('metrics_only')).status).toBe(200);
    expect((await set('automatic')).status).toBe(200);
    await waitFor('both entries', async () => {
      const found = await entries({ action: 'circuit-breaker.mode-set' });
      return found.length === 2;
    });
    const found = await entries({ action: 'circuit-breaker.mode-set', actor: `user:${admin.userId}` });
    expect(found.map(({ details }) => [details['before'], details['after']])).toEqual([
      [{ mode: 'metrics_only' }, { mode: 'automatic' }],
      [{ mode: 'automatic' }, { mode: 'metrics_only' }],
    ]);
    expect(found[0]?.resource).toBe('circuit-breaker:payments-test');
  });

  it('of the shop says who set stock and who made and changed products and categories', async () => {
    const variantId = await shop.createVariant(10);
    const { token, userId } = admin;
    const path = `/api/v1/admin/stock/${variantId}`;
    const etag = (await api.get(path, { token })).headers.get('etag') ?? '';
    const set = await api.request('PUT', path, {
      token,
      headers: { 'if-match': etag },
      body: { onHand: 25 },
    });
    expect(set.status).toBe(200);
    const stock = await entryOf({ resource: `stock:${variantId}`, action: 'stock.set' });
    expect([stock.actor, stock.details['before'], stock.details['after']]).toEqual([
      `user:${userId}`,
      { onHand: 10 },
      { onHand: 25 },
    ]);

    const { body: product } = await api.post('/api/v1/admin/products', {
      token,
      body: { slug: 'audited', name: 'Audited', variants: [] },
    });
    const resource = `product:${String(product['id'])}`;
    await entryOf({ resource, action: 'product.created', actor: `user:${userId}` });
    const changed = await api.request('PATCH', `/api/v1/admin/products/${String(product['id'])}`, {
      token,
      headers: { 'if-match': '"v1"' },
      body: { name: 'Renamed' },
    });
    expect(changed.status).toBe(200);
    expect((await entryOf({ resource, action: 'product.changed' })).details).toMatchObject({
      before: { name: 'Audited' },
      after: { name: 'Renamed' },
    });
    const { body: category } = await api.post('/api/v1/admin/categories', {
      token,
      body: { slug: 'audited', name: 'Audited' },
    });
    await entryOf({ resource: `category:${String(category['id'])}`, action: 'category.created' });
  });

  it('of every administrative call says what came of it, refusals as well', async () => {
    const path = `/api/v1/admin/stock/${newId()}`;
    const { status } = await api.request('PUT', path, { token: buyer.token, body: { onHand: 1 } });
    expect(status).toBe(403);
    const entry = await entryOf({
      action: 'admin.called',
      resource: 'route:PUT:/api/v1/admin/stock/:variantId',
    });
    expect(entry.details['after']).toMatchObject({ status: expect.any(Number) as number });
    await waitFor('the refusal', async () =>
      (await entries({ action: 'admin.called' })).some(
        ({ details }) => (details['after'] as { status: number }).status === 403,
      ),
    );
  });

  describe('when it is read', () => {
    it('is open to those who may read it, and says who did', async () => {
      expectProblem(await list({}, buyer.token), 403, 'PERMISSION_DENIED');
      expectProblem(await api.get('/api/v1/admin/audit'), 401, 'AUTHENTICATION_REQUIRED');
      await entries({ action: 'nothing.at-all' });
      const entry = await entryOf({ action: 'audit.read', actor: `user:${admin.userId}` });
      expect(entry.details['class']).toBe('access');
    });

    it('comes in pages, newest first, without gaps and repetitions, and only for the same filters', async () => {
      const log = application.app.get(AuditLog);
      const resource = `paged:${newId()}`;
      for (let n = 0; n < 25; n += 1)
        await log.record({
          class: 'security',
          actor: 'system:test',
          action: 'page.tested',
          resource,
          after: { n },
        });
      await waitFor('all entries', async () => (await entries({ resource, limit: '100' })).length === 25);
      const seen: unknown[] = [];
      let cursor: string | null = null;
      do {
        const { body }: ApiAnswer = await list({
          resource,
          limit: '10',
          ...(cursor === null ? {} : { cursor }),
        });
        seen.push(...(body['items'] as Entry[]).map(({ details }) => (details['after'] as { n: number }).n));
        cursor = body['nextCursor'] as string | null;
        if (cursor !== null)
          expectProblem(await list({ resource: 'paged:other', cursor }), 400, 'CURSOR_INVALID');
      } while (cursor !== null);
      expect(seen).toEqual(Array.from({ length: 25 }, (_, i) => 24 - i));
    });

    it('can be narrowed to a kind of resource and to a span of time', async () => {
      const id = await placeOrder();
      const { occurredAt } = await entryOf({ resource: `order:${id}` });
      const ofKind = await entries({ resource: 'order', limit: '100' });
      expect(ofKind.some(({ resource }) => resource === `order:${id}`)).toBe(true);
      expect(ofKind.every(({ resource }) => resource.startsWith('order:'))).toBe(true);
      const span = (from: Date, to: Date) =>
        entries({ resource: `order:${id}`, from: from.toISOString(), to: to.toISOString() });
      const at = new Date(occurredAt).getTime();
      expect((await span(new Date(at), new Date(at + 1))).length).toBe(1);
      expect(await span(new Date(at - 1000), new Date(at))).toEqual([]);
      expect(await entries({ resource: `order:${id}`, from: new Date(at + 5000).toISOString() })).toEqual([]);
    });

    it.each([
      ['from', 'yesterday'],
      ['from', '2026-13-01T00:00:00Z'],
      ['to', '2026-11-22'],
      ['to', '1'],
      ['actor', 'a b'],
      ['actor', ''],
      ['resource', 'x'.repeat(201)],
      ['action', 'line\nbreak'],
      ['limit', '0'],
      ['unknown', 'x'],
    ])('refuses %s=%j', async (name, value) => {
      expectProblem(await list({ [name]: value }), 400, 'VALIDATION_FAILED');
    });
  });
});

describe('without the audit log', () => {
  it('the shop sells, and nothing is recorded', async () => {
    const services = await startTestServices();
    const application = await startApp({ services, env: { FEATURE_AUDIT_LOG: 'false' } });
    const shop = new Shop(services.databaseUrl);
    const buyer = await shop.createBuyer();
    const variantId = await shop.createVariant(1);
    const { status } = await new ApiClient(application.url).post('/api/v1/orders', {
      token: buyer.token,
      key: newId(),
      body: { lines: [{ variantId, quantity: 1 }], shippingAddress: ADDRESS },
    });
    expect(status).toBe(201);
    const event = { class: 'security', actor: 'system:test', action: 'x.done', resource: 'x:1' } as const;
    expect(await application.app.get(AuditLog).record(event)).toBe('off');
    await waitFor('the events to be relayed', async () => {
      const waiting = await shop.rows('SELECT FROM outbox_batches');
      return waiting.length === 0;
    });
    expect(await shop.rows('SELECT FROM audit_entries')).toEqual([]);
    await application.close();
    await shop.close();
    await services.close();
  });
});

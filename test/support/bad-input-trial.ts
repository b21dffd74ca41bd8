import { ERROR_CODES } from '../../src/common/error-codes.js';
import { newId } from '../../src/common/ids.js';
import { ApiClient } from './api-client.js';
import { type ApiRoute, type OpenApiDocument, routesOf } from './api-routes.js';
import { type AppUnderTest, startApp } from './app-harness.js';
import { type RawAnswer, type RawRequest, sendRaw } from './raw-http.js';
import { startTestServices, type TestServices } from './services/index.js';
import { ADDRESS, type Buyer, Shop } from './shop.builder.js';
import { PASSWORD, waitForSessionStore } from './sign-in-client.js';

export const BODY_LIMIT_BYTES = 65_536;

/** What a request is refused with; the fault that the answer has as a refusal, or null. */
export function faultOf({ status, headers, text }: RawAnswer, expected?: string): string | null {
  if (status < 400 || status >= 500) return `was answered with ${String(status)} ${text.slice(0, 200)}`;
  const type = headers.get('content-type') ?? '';
  if (!type.startsWith('application/problem+json')) return `has the type ${type} at ${String(status)}`;
  const problem = JSON.parse(text) as Record<string, unknown>;
  const code = String(problem['code']);
  const known = (ERROR_CODES as Record<string, { status: number }>)[code];
  if (known === undefined) return `has the unknown code ${code}`;
  if (known.status !== status || problem['status'] !== status)
    return `has the code ${code} with the status ${String(status)}`;
  if (typeof problem['requestId'] !== 'string' || problem['requestId'].length < 8) return 'has no requestId';
  // Of these requests some look like attacks, and the firewall may be in front.
  if (code === 'REQUEST_BLOCKED' && process.env['CAUDAL_E2E_GATEWAY'] !== undefined) return null;
  return expected === undefined || expected === code ? null : `has the code ${code}, not ${expected}`;
}

/** Sends bad input to every route. The promise: the answer is a 4xx problem with a stable code. */
class BadInputTrial {
  /** What was answered otherwise. */
  faults: string[] = [];

  private constructor(
    readonly services: TestServices,
    readonly application: AppUnderTest,
    readonly shop: Shop,
    readonly buyer: Buyer,
    readonly admin: Buyer,
    readonly routes: readonly ApiRoute[],
    /** An existing id for each parameter of each path. */
    readonly existing: Readonly<Record<string, string>>,
    /** A body that each route accepts; the mutations start from it. */
    readonly validBodies: Readonly<Record<string, unknown>>,
  ) {}

  static async start(): Promise<BadInputTrial> {
    const services = await startTestServices();
    const application = await startApp({ services, env: { BODY_LIMIT_BYTES: String(BODY_LIMIT_BYTES) } });
    const api = new ApiClient(application.url);
    const shop = new Shop(services.databaseUrl);
    await waitForSessionStore(application.url);
    const [buyer, stranger] = await shop.createBuyers(2);
    const admin = await shop.createBuyer('superadmin');
    if (buyer === undefined || stranger === undefined) throw new Error('no buyers were made');
    const routes = routesOf((await api.get('/api/v1/openapi.json')).body as unknown as OpenApiDocument);

    const variantId = await shop.createVariant(1000);
    const order = await api.post('/api/v1/orders', {
      token: buyer.token,
      key: 'existing',
      body: { lines: [{ variantId, quantity: 1 }], shippingAddress: ADDRESS },
    });
    const cart = await api.post('/api/v1/cart/lines', {
      token: buyer.token,
      body: { variantId, quantity: 1 },
    });
    const category = await api.post('/api/v1/admin/categories', {
      token: admin.token,
      body: { slug: 'existing', name: 'Existing' },
    });
    const [product] = await shop.rows<{ id: string }>('SELECT product_id AS id FROM variants WHERE id = $1', [
      variantId,
    ]);
    const productId = product?.id ?? '';
    const existing = {
      '/api/v1/products/{idOrSlug}': productId,
      '/api/v1/admin/products/{id}': productId,
      '/api/v1/admin/products/{id}/variants': productId,
      '/api/v1/admin/variants/{id}': variantId,
      '/api/v1/admin/categories/{id}': String(category.body['id']),
      '/api/v1/admin/stock/{variantId}': variantId,
      '/api/v1/admin/stock/{variantId}/movements': variantId,
      '/api/v1/admin/circuit-breakers/{name}': 'payments-test',
      '/api/v1/cart/lines/{id}': (cart.body['lines'] as [{ id: string }])[0].id,
      '/api/v1/orders/{id}': String(order.body['id']),
      '/api/v1/orders/{id}/payments': String(order.body['id']),
      '/api/v1/orders/{id}/cancel': String(order.body['id']),
      '/api/v1/admin/users/{id}/sessions': stranger.userId,
      // The tokens of the trial are signed without a session.
      '/api/v1/me/sessions/{id}': 'x'.repeat(22),
    };
    const price = { amount: 100, currency: 'USD' };
    const variant = { sku: 'BAD-1', options: { Color: 'Red' }, prices: [price] };
    const validBodies = {
      'POST /api/v1/auth/register': { email: 'bad-input@example.com', password: PASSWORD, name: 'Ada' },
      'POST /api/v1/auth/login': { email: 'bad-input@example.com', password: PASSWORD },
      'POST /api/v1/admin/products': {
        slug: 'bad-input',
        name: 'Bad',
        description: 'Input',
        categoryId: null,
        status: 'active',
        variants: [variant],
      },
      'PATCH /api/v1/admin/products/{id}': { name: 'Bad', status: 'active' },
      'POST /api/v1/admin/products/{id}/variants': { ...variant, sku: 'BAD-2' },
      'PATCH /api/v1/admin/variants/{id}': { sku: 'BAD-3', options: { Color: 'Red' }, prices: [price] },
      'POST /api/v1/admin/categories': { slug: 'bad-input', name: 'Bad', parentId: null, position: 1 },
      'PATCH /api/v1/admin/categories/{id}': { name: 'Bad', parentId: null, position: 1 },
      'PUT /api/v1/admin/stock/{variantId}': { onHand: 1000 },
      'PUT /api/v1/admin/circuit-breakers/{name}': { mode: 'automatic' },
      'POST /api/v1/cart/lines': { variantId, quantity: 1 },
      'PATCH /api/v1/cart/lines/{id}': { quantity: 1 },
      'POST /api/v1/orders': {
        lines: [{ variantId, quantity: 1 }],
        currency: 'USD',
        shippingAddress: { ...ADDRESS, line2: 'B', region: 'M', phone: '+34 600 000 000' },
      },
      'POST /api/v1/orders/{id}/payments': { provider: 'test', token: 'tok_decline' },
    };
    return new BadInputTrial(services, application, shop, buyer, admin, routes, existing, validBodies);
  }

  async close(): Promise<void> {
    await this.shop.close();
    await this.application.close();
    await this.services.close();
  }

  pathOf({ path }: ApiRoute, id = this.existing[path] ?? newId()): string {
    return path.replace(/\{\w+\}/, id);
  }

  withBody(): ApiRoute[] {
    return this.routes.filter(({ bodySchema }) => bodySchema !== undefined);
  }

  withParameter(): ApiRoute[] {
    return this.routes.filter((route) => route.parameters('path').length > 0);
  }

  /** A request that is right in everything but what the test changes. */
  request(
    route: ApiRoute,
    changes: {
      path?: string;
      token?: string | null;
      type?: string;
      body?: string | Buffer;
      headers?: Record<string, string>;
    } = {},
  ): RawRequest {
    const { token = (route.isForAdministrators ? this.admin : this.buyer).token, type = 'application/json' } =
      changes;
    const headers: Record<string, string> = {
      ...(token === null || !route.takesToken ? {} : { Authorization: `Bearer ${token}` }),
      ...(route.demandsHeader('Idempotency-Key') ? { 'Idempotency-Key': newId() } : {}),
      ...(route.demandsHeader('If-Match') ? { 'If-Match': '"v1"' } : {}),
      ...(changes.body === undefined || type === '' ? {} : { 'Content-Type': type }),
      ...changes.headers,
    };
    return {
      method: route.method,
      path: changes.path ?? this.pathOf(route),
      headers: Object.entries(headers),
      ...(changes.body === undefined ? {} : { body: changes.body }),
    };
  }

  async expectRefusal(what: string, bad: RawRequest, code?: string): Promise<void> {
    const fault = faultOf(await sendRaw(this.application.url, bad), code);
    if (fault !== null)
      this.faults.push(`${bad.method} ${bad.path.slice(0, 120)}, ${what.slice(0, 120)}: ${fault}`);
  }
}

/** A trial for all tests of the `describe` around; each test fails with the faults that were found in it. */
export function useBadInputTrial(): () => BadInputTrial {
  let started: BadInputTrial | undefined;
  const trial = () => {
    if (started === undefined) throw new Error('the trial has not started');
    return started;
  };
  beforeAll(async () => {
    started = await BadInputTrial.start();
  });
  beforeEach(() => {
    trial().faults = [];
  });
  afterEach(() => {
    expect(trial().faults).toEqual([]);
  });
  afterAll(() => started?.close());
  return trial;
}

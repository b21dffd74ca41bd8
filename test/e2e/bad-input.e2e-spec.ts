import { createHmac, createPublicKey, generateKeyPairSync } from 'node:crypto';
import fc from 'fast-check';
import jwt from 'jsonwebtoken';
import { ERROR_CODES } from '../../src/common/error-codes.js';
import { newId } from '../../src/common/ids.js';
import { TEST_SIGNING_KEY } from '../support/access-tokens.js';
import { ApiClient } from '../support/api-client.js';
import { type ApiRoute, mutationsOf, type OpenApiDocument, routesOf } from '../support/api-routes.js';
import { type AppUnderTest, startApp } from '../support/app-harness.js';
import { type RawAnswer, type RawRequest, sendBytes, sendRaw } from '../support/raw-http.js';
import { startTestServices, type TestServices } from '../support/services/index.js';
import { ADDRESS, type Buyer, Shop } from '../support/shop.builder.js';
import { PASSWORD, waitForSessionStore } from '../support/sign-in-client.js';

const BODY_LIMIT_BYTES = 65_536;
const FUZZ_RUNS_PER_ROUTE = 60;

/** What a request is refused with; the fault that the answer has as a refusal, or null. */
function faultOf({ status, headers, text }: RawAnswer, expected?: string): string | null {
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
  return expected === undefined || expected === code ? null : `has the code ${code}, not ${expected}`;
}

/** The promise: whatever is sent to whichever route, the answer is a 4xx problem with a stable code. */
describe('bad input', () => {
  let services: TestServices;
  let application: AppUnderTest;
  let shop: Shop;
  let routes: ApiRoute[];
  let buyer: Buyer;
  let admin: Buyer;
  /** An existing id for each parameter of each path. */
  let existing: Record<string, string>;
  /** A body that each route accepts; the mutations start from it. */
  let validBodies: Record<string, unknown>;
  let faults: string[];

  beforeAll(async () => {
    services = await startTestServices();
    application = await startApp({ services, env: { BODY_LIMIT_BYTES: String(BODY_LIMIT_BYTES) } });
    const api = new ApiClient(application.url);
    shop = new Shop(services.databaseUrl);
    await waitForSessionStore(application.url);
    [buyer, admin] = [await shop.createBuyer(), await shop.createBuyer('superadmin')];
    routes = routesOf((await api.get('/api/v1/openapi.json')).body as unknown as OpenApiDocument);

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
    existing = {
      '/api/v1/products/{idOrSlug}': productId,
      '/api/v1/admin/products/{id}': productId,
      '/api/v1/admin/products/{id}/variants': productId,
      '/api/v1/admin/variants/{id}': variantId,
      '/api/v1/admin/categories/{id}': String(category.body['id']),
      '/api/v1/admin/stock/{variantId}': variantId,
      '/api/v1/admin/stock/{variantId}/movements': variantId,
      '/api/v1/cart/lines/{id}': (cart.body['lines'] as [{ id: string }])[0].id,
      '/api/v1/orders/{id}': String(order.body['id']),
      '/api/v1/orders/{id}/payments': String(order.body['id']),
      '/api/v1/orders/{id}/cancel': String(order.body['id']),
    };
    const price = { amount: 100, currency: 'USD' };
    const variant = { sku: 'BAD-1', options: { Color: 'Red' }, prices: [price] };
    validBodies = {
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
      'POST /api/v1/cart/lines': { variantId, quantity: 1 },
      'PATCH /api/v1/cart/lines/{id}': { quantity: 1 },
      'POST /api/v1/orders': {
        lines: [{ variantId, quantity: 1 }],
        currency: 'USD',
        shippingAddress: { ...ADDRESS, line2: 'B', region: 'M', phone: '+34 600 000 000' },
      },
      'POST /api/v1/orders/{id}/payments': { provider: 'test', token: 'tok_decline' },
    };
  });

  beforeEach(() => {
    faults = [];
  });

  afterEach(() => {
    expect(faults).toEqual([]);
  });

  afterAll(async () => {
    await shop.close();
    await application.close();
    await services.close();
  });

  const pathOf = ({ path }: ApiRoute, id = existing[path] ?? newId()) => path.replace(/\{\w+\}/, id);
  const withBody = () => routes.filter(({ bodySchema }) => bodySchema !== undefined);
  const withParameter = () => routes.filter((route) => route.parameters('path').length > 0);

  /** A request that is right in everything but what the test changes. */
  function request(
    route: ApiRoute,
    changes: {
      path?: string;
      token?: string | null;
      type?: string;
      body?: string | Buffer;
      headers?: Record<string, string>;
    } = {},
  ): RawRequest {
    const { token = (route.isForAdministrators ? admin : buyer).token, type = 'application/json' } = changes;
    const headers: Record<string, string> = {
      ...(token === null || !route.takesToken ? {} : { Authorization: `Bearer ${token}` }),
      ...(route.demandsHeader('Idempotency-Key') ? { 'Idempotency-Key': newId() } : {}),
      ...(route.demandsHeader('If-Match') ? { 'If-Match': '"v1"' } : {}),
      ...(changes.body === undefined || type === '' ? {} : { 'Content-Type': type }),
      ...changes.headers,
    };
    return {
      method: route.method,
      path: changes.path ?? pathOf(route),
      headers: Object.entries(headers),
      ...(changes.body === undefined ? {} : { body: changes.body }),
    };
  }

  async function expectRefusal(what: string, bad: RawRequest, code?: string): Promise<void> {
    const fault = faultOf(await sendRaw(application.url, bad), code);
    if (fault !== null)
      faults.push(`${bad.method} ${bad.path.slice(0, 120)}, ${what.slice(0, 120)}: ${fault}`);
  }

  it('is tried on every route of the document, each with a valid body to start from', async () => {
    expect(routes.length).toBeGreaterThanOrEqual(31);
    expect(
      withBody()
        .map(({ name }) => name)
        .sort(),
    ).toEqual(Object.keys(validBodies).sort());
    expect(
      withParameter()
        .map(({ path }) => path)
        .filter((path) => !(path in existing)),
    ).toEqual([]);
    for (const route of withBody()) {
      const body = JSON.stringify(validBodies[route.name]);
      const { status, text } = await sendRaw(application.url, request(route, { body }));
      // A card that is declined and a version that has moved on are answers to valid bodies.
      if (![200, 201, 402, 412].includes(status)) faults.push(`${route.name}: ${String(status)} ${text}`);
    }
  });

  it('of the wrong type, out of range or missing is named by its field', async () => {
    for (const route of withBody()) {
      for (const { pointer, value, body } of mutationsOf(route.bodySchema ?? {}, validBodies[route.name])) {
        await expectRefusal(
          `${pointer} = ${JSON.stringify(value)}`,
          request(route, { body: JSON.stringify(body) }),
          'VALIDATION_FAILED',
        );
      }
    }
  });

  it.each(['-1', '0', '0.5', '1e9', '9007199254740993', '1e308', '"1"', 'null', 'true', '[]', '[1]', '{}'])(
    'in place of a quantity, %s, is refused',
    async (quantity) => {
      const { lines, ...order } = validBodies['POST /api/v1/orders'] as { lines: [{ variantId: string }] };
      const { variantId } = lines[0];
      const bodies = {
        'POST /api/v1/orders': `{"lines":[{"variantId":"${variantId}","quantity":${quantity}}],${JSON.stringify(order).slice(1)}`,
        'POST /api/v1/cart/lines': `{"variantId":"${variantId}","quantity":${quantity}}`,
        'PATCH /api/v1/cart/lines/{id}': `{"quantity":${quantity}}`,
      };
      for (const route of routes) {
        const body = (bodies as Record<string, string>)[route.name];
        if (body !== undefined) await expectRefusal(quantity, request(route, { body }), 'VALIDATION_FAILED');
      }
    },
  );

  it('with a field that nobody knows is refused, also inside of a field', async () => {
    for (const route of withBody()) {
      const valid = validBodies[route.name] as Record<string, unknown>;
      await expectRefusal(
        'unknown field',
        request(route, { body: JSON.stringify({ ...valid, surprise: 1 }) }),
        'VALIDATION_FAILED',
      );
      for (const [name, value] of Object.entries(valid)) {
        if (name === 'options') continue;
        const inside = Array.isArray(value)
          ? [{ ...value[0], surprise: 1 }]
          : { ...(value as object), surprise: 1 };
        await expectRefusal(
          `unknown field in ${name}`,
          request(route, { body: JSON.stringify({ ...valid, [name]: inside }) }),
          'VALIDATION_FAILED',
        );
      }
    }
  });

  it('that is not the JSON of an object is refused', async () => {
    const deep = (open: string, close: string) => open.repeat(5000) + close.repeat(5000);
    const bodies: [string, string | Buffer][] = [
      ...[
        '{',
        '[1,]',
        '{"a":1',
        "{'a':1}",
        'nul',
        '{"a":NaN}',
        '{"a":01}',
        '{}{}',
        '\u0000',
        '{"a":"\u0000"}',
        '{"a":"\n"}',
      ].map((text): [string, string] => [text, text]),
      ...['null', '1', 'true', '"text"', '[]', '[{}]', '[[]]'].map((text): [string, string] => [text, text]),
      ['an escaped NUL', '{"a":"\\u0000"}'],
      ['half of a surrogate pair', '{"a":"\\ud83d"}'],
      ['the other half', '{"a":"\\ude00 x"}'],
      ['halves in the wrong order', '{"a":"\\ude00\\ud83d"}'],
      ['bytes that are not UTF-8', Buffer.from([0x7b, 0x22, 0x61, 0x22, 0x3a, 0x22, 0xff, 0xfe, 0x22, 0x7d])],
      ['__proto__', '{"__proto__":{"isAdmin":true}}'],
      ['an escaped __proto__', '{"\\u005f_proto__":{"isAdmin":true}}'],
      ['constructor.prototype', '{"constructor":{"prototype":{"isAdmin":true}}}'],
      ['deep arrays', deep('[', ']')],
      ['deep objects', `${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}`],
    ];
    for (const route of withBody()) {
      for (const [what, body] of bodies) await expectRefusal(what, request(route, { body }));
      for (const name of Object.keys(route.bodySchema?.properties ?? {})) {
        const nested = [deep('[', ']'), `${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}`, '{"__proto__":{}}'];
        for (const value of nested) {
          await expectRefusal(
            `${value.slice(0, 20)} in ${name}`,
            request(route, { body: `{"${name}":${value}}` }),
          );
        }
      }
    }
    expect(({} as { isAdmin?: boolean }).isAdmin).toBeUndefined();
  });

  it('without a body is refused where fields are required', async () => {
    for (const route of withBody()) {
      if ((route.bodySchema?.required ?? []).length === 0) continue;
      await expectRefusal('no body', request(route), 'VALIDATION_FAILED');
      await expectRefusal('empty body', request(route, { body: '' }), 'VALIDATION_FAILED');
      await expectRefusal('empty object', request(route, { body: '{}' }), 'VALIDATION_FAILED');
    }
  });

  it('in another media type is refused', async () => {
    const types = [
      'text/plain',
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
      'application/xml',
      'text',
      '',
      '\u00ff',
    ];
    for (const route of routes.filter(({ takesBody }) => takesBody)) {
      for (const type of types)
        await expectRefusal(
          `type ${type}`,
          request(route, { type, body: '{"a":1}' }),
          'MEDIA_TYPE_UNSUPPORTED',
        );
    }
  });

  it('beyond the size limit is refused, announced or not', async () => {
    for (const route of routes.filter(({ takesBody }) => takesBody)) {
      const body = `{"a":"${'x'.repeat(BODY_LIMIT_BYTES)}"}`;
      await expectRefusal('huge body', request(route, { body }), 'PAYLOAD_TOO_LARGE');
      const { path, headers = [] } = request(route, { headers: { 'Content-Type': 'application/json' } });
      const head = [
        `${route.method} ${path} HTTP/1.1`,
        'Host: shop.example',
        'Connection: close',
        'Transfer-Encoding: chunked',
      ];
      const lines = [...head, ...headers.map(([name, value]) => `${name}: ${value}`)];
      const chunk = `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
      const answer = await sendBytes(application.url, Buffer.from(`${lines.join('\r\n')}\r\n\r\n${chunk}`));
      const fault = faultOf(answer, 'PAYLOAD_TOO_LARGE');
      if (fault !== null) faults.push(`${route.name}, huge body in a chunk: ${fault}`);
    }
  });

  it('in place of an id is refused', async () => {
    const ids = [
      'nonsense',
      '0',
      '-1',
      '1.5',
      'null',
      'undefined',
      '__proto__',
      'constructor',
      newId(),
      '00000000-0000-0000-0000-000000000000',
      'ffffffff-ffff-ffff-ffff-ffffffffffff',
      `${newId()}x`,
      `{${newId()}}`,
      newId().replaceAll('-', ''),
      '..',
      '%2e%2e',
      '%2e%2e%2fme',
      '%00',
      `${newId()}%00`,
      '%',
      '%zz',
      '%c0%af',
      '%ed%a0%80',
      '%f0%9f%9b%92',
      "'%20OR%201=1--",
      '%0d%0aX:%201',
      'x'.repeat(199),
      'x'.repeat(201),
      'x'.repeat(8000),
    ];
    for (const route of withParameter()) {
      const valid = validBodies[route.name];
      const body = valid === undefined ? {} : { body: JSON.stringify(valid) };
      for (const id of ids) await expectRefusal(id, request(route, { path: pathOf(route, id), ...body }));
    }
  });

  it("that names other people's things is refused like what does not exist", async () => {
    const stranger = await shop.createBuyer();
    const owned = routes.filter(({ path }) => /\/(orders|cart\/lines)\/\{id\}/.test(path));
    expect(owned.length).toBeGreaterThanOrEqual(5);
    for (const route of owned) {
      const valid = validBodies[route.name];
      const body = valid === undefined ? {} : { body: JSON.stringify(valid) };
      const code = route.path.includes('cart') ? 'CART_LINE_NOT_FOUND' : 'ORDER_NOT_FOUND';
      await expectRefusal('of a stranger', request(route, { token: stranger.token, ...body }), code);
    }
    const order = validBodies['POST /api/v1/orders'] as object;
    const [cart] = await shop.rows<{ id: string }>('SELECT id FROM carts WHERE user_id = $1', [buyer.userId]);
    const place = routes.find(({ name }) => name === 'POST /api/v1/orders') as ApiRoute;
    const body = JSON.stringify({ ...order, lines: undefined, cartId: cart?.id });
    await expectRefusal(
      'the cart of a stranger',
      request(place, { token: stranger.token, body }),
      'CART_NOT_FOUND',
    );
  });

  it('in the query string is refused where the parameter has a form, and harmless where it has none', async () => {
    const values = [
      '',
      '%20',
      'abc',
      '-1',
      '1.5',
      '99999999999999999999',
      '1e400',
      '1e1',
      '0x10',
      '%2B1',
      '%00',
      '%',
      '%ed%a0%80',
      '[]',
      'x'.repeat(4000),
      '%27%20OR%201=1',
      '1&NAME=2',
      '%F0%9F%9B%92',
      '*:*',
      '%22',
      '%3A%26%7C%21',
      '\\',
    ];
    for (const route of routes) {
      const path = pathOf(route);
      for (const { name, schema = {} } of route.parameters('query')) {
        const hasForm =
          ['integer', 'number', 'boolean'].includes(String(schema.type)) ||
          schema.enum !== undefined ||
          ['cursor', 'currency', 'sort'].includes(name);
        for (const value of values) {
          const bad = request(route, { path: `${path}?${name}=${value.replace('NAME', name)}` });
          const answer = await sendRaw(application.url, bad);
          const fault = answer.status < 400 && !hasForm ? null : faultOf(answer);
          if (fault !== null) faults.push(`${bad.path.slice(0, 100)}: ${fault}`);
        }
      }
      if (route.parameters('query').length > 0)
        await expectRefusal(
          'unknown parameter',
          request(route, { path: `${path}?surprise=1` }),
          'VALIDATION_FAILED',
        );
    }
  });

  it('in place of a cursor is refused: forged, cut, of another list, other filters or another buyer', async () => {
    const api = new ApiClient(application.url);
    await shop.createVariant(1);
    const pageOf = async (path: string, token = buyer.token) =>
      String((await api.get(path, { token })).body['nextCursor']);
    await api.post('/api/v1/orders', {
      token: buyer.token,
      key: newId(),
      body: validBodies['POST /api/v1/orders'],
    });
    const products = await pageOf('/api/v1/products?limit=1');
    const orders = await pageOf('/api/v1/orders?limit=1');
    expect(products.length).toBeGreaterThan(20);
    expect(orders.length).toBeGreaterThan(20);
    const forged = [
      'x',
      'AAAA',
      'x'.repeat(40),
      'x'.repeat(4000),
      '%25',
      orders.slice(0, -2),
      `${orders}AA`,
      `A${orders.slice(1)}`,
      Buffer.from('["x"]').toString('base64url'),
    ];
    const lists = routes.filter((route) => route.parameters('query').some(({ name }) => name === 'cursor'));
    expect(lists.length).toBeGreaterThanOrEqual(4);
    for (const route of lists) {
      const foreign = route.path.endsWith('/orders') ? products : orders;
      for (const cursor of [...forged, foreign])
        await expectRefusal(
          `cursor ${cursor}`,
          request(route, { path: `${pathOf(route)}?cursor=${cursor}` }),
        );
    }
    const find = (name: string) => routes.find((route) => route.name === name) as ApiRoute;
    await expectRefusal(
      'cursor of other filters',
      request(find('GET /api/v1/products'), { path: `/api/v1/products?inStock=true&cursor=${products}` }),
      'CURSOR_INVALID',
    );
    const stranger = await shop.createBuyer();
    await expectRefusal(
      'cursor of a stranger',
      request(find('GET /api/v1/orders'), { path: `/api/v1/orders?cursor=${orders}`, token: stranger.token }),
      'CURSOR_INVALID',
    );
  });

  it('in place of If-Match is refused, and so is its absence where it is required', async () => {
    const versioned = routes.filter((route) => route.takesHeader('If-Match'));
    expect(versioned.length).toBeGreaterThanOrEqual(7);
    for (const route of versioned) {
      const valid = validBodies[route.name];
      const body = valid === undefined ? {} : { body: JSON.stringify(valid) };
      for (const value of [
        '*',
        'v1',
        '1',
        'W/"v1"',
        '"v-1"',
        '"v1.5"',
        '"v99999999999999999999"',
        '"v999999999"',
        '"v1", "v2"',
        '"é"',
      ])
        await expectRefusal(
          `If-Match ${value}`,
          request(route, { ...body, headers: { 'If-Match': value } }),
          'PRECONDITION_FAILED',
        );
      if (route.demandsHeader('If-Match'))
        await expectRefusal(
          'no If-Match',
          request(route, { ...body, headers: { 'If-Match': '' } }),
          'PRECONDITION_REQUIRED',
        );
    }
  });

  it('in place of an Idempotency-Key is refused, and so is its absence', async () => {
    const keyed = routes.filter((route) => route.demandsHeader('Idempotency-Key'));
    expect(keyed.length).toBeGreaterThanOrEqual(2);
    for (const route of keyed) {
      const body = JSON.stringify(validBodies[route.name]);
      await expectRefusal(
        'no key',
        request(route, { body, headers: { 'Idempotency-Key': '' } }),
        'IDEMPOTENCY_KEY_REQUIRED',
      );
      for (const key of ['x'.repeat(256), 'clé', 'two words', 'one, two', '\u00ff', 'x\ty'])
        await expectRefusal(
          `key ${key}`,
          request(route, { body, headers: { 'Idempotency-Key': key } }),
          'IDEMPOTENCY_KEY_INVALID',
        );
    }
  });

  it('in place of an access token is refused on every route that takes one', async () => {
    const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
    const publicPem = createPublicKey(TEST_SIGNING_KEY).export({ type: 'spki', format: 'pem' });
    const { header } = jwt.decode(buyer.token, { complete: true }) as jwt.Jwt;
    const claims = { role: 'superadmin', sid: newId() };
    const options = {
      algorithm: 'RS256',
      keyid: header.kid ?? '',
      issuer: 'caudal',
      audience: 'caudal-api',
      subject: buyer.userId,
      jwtid: newId(),
      expiresIn: 900,
    } as const;
    const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const payload = encode({
      ...claims,
      iss: 'caudal',
      aud: 'caudal-api',
      sub: buyer.userId,
      exp: 4_000_000_000,
    });
    const hmac = (head: string) =>
      createHmac('sha256', publicPem).update(`${head}.${payload}`).digest('base64url');
    const hs256 = encode({ alg: 'HS256', typ: 'JWT', kid: header.kid });
    const [head = '', body = '', signature = ''] = buyer.token.split('.');
    const tokens: Record<string, string> = {
      'nothing that looks like a token': 'nonsense',
      'no segments': '..',
      'a cut signature': `${head}.${body}.${signature.slice(0, -4)}`,
      'the payload of another token': `${head}.${payload}.${signature}`,
      'a key of a stranger': jwt.sign(claims, stranger, options),
      'an unknown key id': jwt.sign(claims, TEST_SIGNING_KEY, { ...options, keyid: 'unknown' }),
      'alg none without a signature': `${encode({ alg: 'none', typ: 'JWT' })}.${payload}.`,
      'alg none with a signature': `${encode({ alg: 'none', typ: 'JWT', kid: header.kid })}.${payload}.${signature}`,
      'alg NONE': `${encode({ alg: 'NONE', kid: header.kid })}.${payload}.x`,
      'the public key as an HMAC secret': `${hs256}.${payload}.${hmac(hs256)}`,
      'an expired token': jwt.sign(claims, TEST_SIGNING_KEY, { ...options, expiresIn: -60 }),
      'a token for later': jwt.sign(claims, TEST_SIGNING_KEY, { ...options, notBefore: 600 }),
      'another audience': jwt.sign(claims, TEST_SIGNING_KEY, { ...options, audience: 'others' }),
      'another issuer': jwt.sign(claims, TEST_SIGNING_KEY, { ...options, issuer: 'others' }),
      'a subject that is no id': jwt.sign(claims, TEST_SIGNING_KEY, { ...options, subject: "' OR 1=1" }),
      'an unknown role': jwt.sign({ ...claims, role: 'root' }, TEST_SIGNING_KEY, options),
      'a role of the prototype': jwt.sign({ ...claims, role: '__proto__' }, TEST_SIGNING_KEY, options),
      'a long token': `${head}.${'x'.repeat(8000)}.${signature}`,
    };
    const guarded = routes.filter(({ takesToken }) => takesToken);
    expect(guarded.length).toBeGreaterThanOrEqual(20);
    for (const route of guarded) {
      const valid = validBodies[route.name];
      const sent = valid === undefined ? {} : { body: JSON.stringify(valid) };
      for (const [what, token] of Object.entries(tokens))
        await expectRefusal(what, request(route, { ...sent, token }), 'ACCESS_TOKEN_INVALID');
      for (const authorization of [
        '',
        'Bearer',
        'Basic YTpi',
        `Token ${buyer.token}`,
        `Bearer  ${buyer.token}`,
        `Bearer ${buyer.token} x`,
        'é',
      ])
        await expectRefusal(
          `Authorization: ${authorization}`,
          request(route, { ...sent, headers: { Authorization: authorization } }),
          'ACCESS_TOKEN_INVALID',
        );
      if (route.isForAdministrators)
        await expectRefusal(
          'a customer',
          request(route, { ...sent, token: buyer.token }),
          'PERMISSION_DENIED',
        );
      if (!route.path.includes('/cart'))
        await expectRefusal('no token', request(route, { ...sent, token: null }), 'AUTHENTICATION_REQUIRED');
    }
  });

  it('with a method that the path does not have is refused', async () => {
    const methods = [
      'GET',
      'POST',
      'PUT',
      'PATCH',
      'DELETE',
      'OPTIONS',
      'TRACE',
      'CONNECTS',
      'PROPFIND',
      'get',
    ];
    const codes = new Map([
      ['OPTIONS', 'ROUTE_NOT_FOUND'],
      ['CONNECTS', 'REQUEST_MALFORMED'],
      ['get', 'REQUEST_MALFORMED'],
    ]);
    for (const path of new Set(routes.map((route) => route.path))) {
      const own = routes.filter((route) => route.path === path);
      for (const method of methods) {
        if (own.some((route) => route.method === method)) continue;
        const code = codes.get(method) ?? 'METHOD_NOT_ALLOWED';
        await expectRefusal('wrong method', { method, path: pathOf(own[0] as ApiRoute) }, code);
      }
    }
    const { headers } = await sendRaw(application.url, { method: 'DELETE', path: '/api/v1/orders/' });
    expect(headers.get('allow')).toBe('GET, HEAD, POST');
  });

  it('in the path is refused', async () => {
    const paths = [
      '/',
      '//',
      '/api',
      '/api/v1',
      '/api/v1/nothing',
      '/api/v2/products',
      '/API/V1/PRODUCTS',
      '/.env',
      '/metrics',
      '/api/v1/../../etc/passwd',
      '/api/v1/products/../../../etc/passwd',
      '/api/v1/products/%2e%2e%2f%2e%2e%2fetc%2fpasswd',
      '/docs/../../package.json',
      '/docs/%2e%2e/%2e%2e/package.json',
      '/docs/..%2f..%2fpackage.json',
      '/docs/%00',
      '/docs/nothing.js',
      '/api/v1/products/%',
      '/api/v1/%zz',
      '/api/v1/%e0%a4%a',
      '/api/v1/products/%ff',
      '/%00',
      '/api/v1/products?a=%00',
      '/\\',
      '/api/v1/products;x=1',
      'http://elsewhere.example/api/v1/nothing',
      '*',
      `/${'x'.repeat(12_000)}`,
      `/api/v1/${'x/'.repeat(5000)}`,
    ];
    for (const path of paths) await expectRefusal('path', { method: 'GET', path });
  });

  it('in the head of the request is refused', async () => {
    const heads: Record<string, string> = {
      'a URI that is too long': `GET /${'x'.repeat(20_000)} HTTP/1.1\r\nHost: x`,
      'headers that are too large': `GET /api/v1/products HTTP/1.1\r\nHost: x\r\nX-Large: ${'x'.repeat(20_000)}`,
      'too many headers': `GET /api/v1/products HTTP/1.1\r\nHost: x\r\n${'A: b\r\n'.repeat(4000)}C: d`,
      'a NUL byte in a header': 'GET /api/v1/products HTTP/1.1\r\nHost: x\r\nX-Nul: a\u0000b',
      'a NUL byte in the path': 'GET /api/v1/products/\u0000 HTTP/1.1\r\nHost: x',
      'a header without a name': 'GET /api/v1/products HTTP/1.1\r\nHost: x\r\n: y',
      'two lengths': 'POST /api/v1/orders HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2',
      'a length and chunks':
        'POST /api/v1/orders HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked',
      'a length that is no number': 'POST /api/v1/orders HTTP/1.1\r\nHost: x\r\nContent-Length: -1',
      'another protocol': 'GET /api/v1/products SPDY/3',
      'a TLS handshake': '\u0016\u0003\u0001\u0002\u0000',
    };
    for (const [what, head] of Object.entries(heads)) {
      const answer = await sendBytes(
        application.url,
        Buffer.from(`${head}\r\nConnection: close\r\n\r\n`, 'latin1'),
      );
      const fault = faultOf(answer);
      if (fault !== null) faults.push(`${what}: ${fault}`);
    }
  });

  it('made by chance never brings a route down', async () => {
    const seed = Number(process.env['FUZZ_SEED'] ?? Date.now() % 2 ** 31);
    process.stdout.write(`fuzz seed: ${String(seed)} (repeat with FUZZ_SEED)\n`);
    for (const route of withBody()) {
      const valid = validBodies[route.name] as Record<string, unknown>;
      const value = fc.oneof(
        fc.jsonValue({ maxDepth: 4 }),
        fc.string({ unit: 'binary', maxLength: 300 }),
        fc.constantFrom(-1, 0, 1e21, Number.MAX_SAFE_INTEGER, '', newId(), [], {}, [null], null, [[]], [{}]),
      );
      const body = fc.oneof(
        fc.jsonValue({ maxDepth: 5 }),
        fc.record(
          Object.fromEntries(
            Object.keys(route.bodySchema?.properties ?? {}).map((name) => [
              name,
              fc.oneof(fc.constant(valid[name] ?? null), value),
            ]),
          ),
          { requiredKeys: [] },
        ),
      );
      await fc.assert(
        fc.asyncProperty(body, async (sample) => {
          const answer = await sendRaw(application.url, request(route, { body: JSON.stringify(sample) }));
          if (answer.status >= 300) expect(faultOf(answer)).toBeNull();
        }),
        { seed, numRuns: FUZZ_RUNS_PER_ROUTE },
      );
    }
  });
});

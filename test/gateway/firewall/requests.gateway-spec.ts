import { once } from 'node:events';
import { gzipSync } from 'node:zlib';
import { type GatewayAnswer } from '../../support/gateway/gateway-client.js';
import { GatewayUnderTest } from '../../support/gateway/gateway-under-test.js';
import { StubUpstream } from '../../support/gateway/stub-upstream.js';
import { waitFor } from '../../support/wait-for.js';

const BODY_LIMIT_BYTES = 65_536;
const ATTACK = '<script>alert(1)</script>';
const LINE = { variantId: '01980000-0000-7000-8000-000000000000', quantity: 1 };

describe('a gateway with the firewall', () => {
  let upstream: StubUpstream;
  let gateway: GatewayUnderTest;

  beforeAll(async () => {
    upstream = await StubUpstream.start();
    gateway = await GatewayUnderTest.start({ upstreams: [upstream.address], firewall: 'blocking' });
  });

  afterEach(() => {
    upstream.reset();
  });

  afterAll(async () => {
    await gateway.stop();
    await upstream.stop();
  });

  const post = (
    body: unknown,
    headers: Record<string, string> = {},
    path = '/api/v1/orders',
  ): Promise<GatewayAnswer> => gateway.client.send(path, { method: 'POST', headers, body });
  const codeOf = ({ status, body }: GatewayAnswer) => [status, (body as { code?: string }).code];

  it('refuses with a problem document that names the request', async () => {
    const { status, headers, body } = await gateway.client.send(`/api/v1/products?q=${encodeURI(ATTACK)}`, {
      headers: { 'x-request-id': 'refused-1234' },
    });
    expect([status, headers['content-type'], headers['x-request-id'], headers['cache-control']]).toEqual([
      403,
      'application/problem+json; charset=utf-8',
      'refused-1234',
      'no-store',
    ]);
    expect(body).toEqual({
      type: 'urn:caudal:error:REQUEST_BLOCKED',
      title: 'The request was blocked',
      status: 403,
      code: 'REQUEST_BLOCKED',
      requestId: 'refused-1234',
      traceId: expect.stringMatching(/^[0-9a-f]{32}$/) as unknown,
    });
    expect(upstream.seen).toEqual([]);
  });

  it.each([
    ['POST', '/api/v1/orders'],
    ['POST', '/api/v1/rest/orders'],
    ['POST', '/api/v1/graphql'],
    ['PATCH', '/api/v1/cart/lines/1'],
    ['PUT', '/api/v1/admin/stock/1'],
    ['DELETE', '/api/v1/cart/lines/1'],
  ])('judges bodies on every way to the processes: %s %s', async (method, path) => {
    const send = (text: string) =>
      gateway.client.send(path, {
        method,
        headers: { 'idempotency-key': 'key-1' },
        body: { a: { b: [text] } },
      });
    expect(codeOf(await send(ATTACK))).toEqual([403, 'REQUEST_BLOCKED']);
    expect(upstream.seen).toEqual([]);
    expect((await send('harmless')).status).toBe(200);
    expect(upstream.seen.map(({ body }) => body)).toEqual(['{"a":{"b":["harmless"]}}']);
  });

  it('reads JSON as the application does: escapes, empty bodies, and what it cannot read', async () => {
    expect(codeOf(await post('{"a":"\\u003cscript\\u003ealert(1)\\u003c/script\\u003e"}'))).toEqual([
      403,
      'REQUEST_BLOCKED',
    ]);
    expect((await post('', { 'content-type': 'application/json' })).status).toBe(200);
    expect((await post('{}', { 'content-type': 'application/json; charset="UTF-8"' })).status).toBe(200);
    const tooDeep = '{"a":'.repeat(40) + '1' + '}'.repeat(40);
    const tooMany = JSON.stringify({ a: Array.from({ length: 1200 }, () => 1) });
    for (const body of ['{"a":', 'nonsense', '{"a":1}}', tooDeep, tooMany])
      expect([body.slice(0, 20), ...codeOf(await post(body))]).toEqual([
        body.slice(0, 20),
        400,
        'REQUEST_MALFORMED',
      ]);
    expect(upstream.seen).toHaveLength(2);
  });

  it('refuses what it has no reader for, as the application does', async () => {
    const unsupported = [415, 'MEDIA_TYPE_UNSUPPORTED'];
    const gzip = { 'content-type': 'application/json', 'content-encoding': 'gzip' };
    expect(codeOf(await post(gzipSync(JSON.stringify({ a: ATTACK })), gzip))).toEqual(unsupported);
    for (const type of [
      'text/plain',
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
      'application/xml',
      'application/json; charset=utf-7',
      'application/json;version=1; charset=utf-8',
      'application/jsonp',
    ])
      expect([type, ...codeOf(await post('{}', { 'content-type': type }))]).toEqual([type, ...unsupported]);
    const bytes =
      'POST /api/v1/orders HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}';
    expect(await gateway.client.sendBytes(bytes)).toContain('"code":"MEDIA_TYPE_UNSUPPORTED"');
    expect(upstream.seen).toEqual([]);
  });

  it('has the limits of nginx and of the application: 64 KiB, 500 lines', async () => {
    const text = (bytes: number) => `{"a":"${'x'.repeat(bytes - 8)}"}`;
    expect((await post(text(BODY_LIMIT_BYTES))).status).toBe(200);
    expect(codeOf(await post(text(BODY_LIMIT_BYTES + 1)))).toEqual([413, 'PAYLOAD_TOO_LARGE']);
    const lines = Array.from({ length: 500 }, () => LINE);
    const shippingAddress = { name: 'Ada', line1: 'Calle 1', city: 'Madrid', postalCode: '1', country: 'ES' };
    expect((await post({ lines, currency: 'EUR', shippingAddress })).status).toBe(200);
    // Judged to its end.
    const last = { ...LINE, variantId: ATTACK };
    expect(codeOf(await post({ lines: [...lines.slice(1), last] }))).toEqual([403, 'REQUEST_BLOCKED']);
    const chunked =
      'POST /api/v1/orders HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: application/json\r\n' +
      `Transfer-Encoding: chunked\r\n\r\n6\r\n{"a":"\r\n19\r\n${ATTACK}\r\n2\r\n"}\r\n0\r\n\r\n`;
    expect(await gateway.client.sendBytes(chunked)).toContain('"code":"REQUEST_BLOCKED"');
  });

  it('lets pass what shops send with a request', async () => {
    const token = `${'a'.repeat(300)}.${'b'.repeat(300)}.${'c-_'.repeat(100)}`;
    const headers = {
      authorization: `Bearer ${token}`,
      'idempotency-key': '9c5b94b1-35ad-49bb-b118-8e8fc24abf80',
      'if-match': '"v17"',
      'if-none-match': 'W/"abc--1", "d;e"',
      'accept-language': 'de-DE,de;q=0.9,en;q=0.8',
      accept: 'application/json, text/plain, */*',
      origin: 'https://shop.example',
      referer: 'https://shop.example/search?q=shoes&size=42#top',
      traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
      tracestate: 'vendor=a:b;c,other=1',
      cookie: `__Host-caudal_refresh=${token.slice(0, 76)}; __Host-caudal_cart=${'x-_'.repeat(14)}x; theme=dark`,
      'cart-token': `${'A-_'.repeat(14)}B`,
      'user-agent':
        'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)',
      'x-forwarded-for': '203.0.113.7, 198.51.100.2',
      'sec-ch-ua': '"Chromium";v="141", "Not?A_Brand";v="8"',
    };
    const cursor = `eyJ2IjoxfQ${'aZ09-_'.repeat(30)}`;
    for (const path of [
      `/api/v1/products?limit=20&sort=-price&category=mens-shoes&currency=EUR&cursor=${cursor}`,
      '/api/v1/products?minPrice=1000&maxPrice=250000&inStock=true&q=running%20shoes%20%22size%2042%22',
      `/api/v1/orders?limit=50&cursor=${cursor}`,
      '/api/v1/admin/audit?actor=user:0198&action=order.cancel&from=2026-11-01T00:00:00%2B01:00&limit=10',
      '/api/v1/products/mens-o-briens-select-shoe--1',
      '/.well-known/jwks.json',
      '/docs',
    ])
      expect([path, (await gateway.client.send(path, { headers })).status]).toEqual([path, 200]);
    const options = { Color: 'Navy/Blue', 'Size (EU)': '42½', Fit: "Men's" };
    const body = {
      slug: 'shoe',
      name: 'Shoe "Classic"',
      variants: [{ sku: 'A-1/B#2', options, prices: [{ amount: 1999, currency: 'EUR' }] }],
    };
    expect((await post(body, headers, '/api/v1/admin/products')).status).toBe(200);
  });

  it.each([
    'query Shoes($first: Int!) { products(first: $first, q: "shoe") { nodes { id name } } }',
    '{ products(first: 10) { edges { node { id name price { amount } } } pageInfo { endCursor } } }',
    'mutation Add($id: ID!) { addLine(input: { variantId: $id, quantity: 2 }) { cart { id lines { id } } } }',
    'query { order(id: "0198") { ...Fields } }\nfragment Fields on Order { id status total { amount } }',
    'subscription OnSale { stockChanged(where: { sku: { in: ["A","B"] } }) { sku left } }',
    '# by date\nquery Q { me { id orders(orderBy: CREATED_AT_DESC, limit: 5) { id } } }',
    'query IntrospectionQuery { __schema { queryType { name } types { name kind } } }',
  ])('lets pass a document of GraphQL, and judges its variables: %s', async (query) => {
    const ask = (id: string) => post({ query, variables: { id } }, {}, '/api/v1/graphql');
    expect((await ask('0198')).status).toBe(200);
    expect((await ask(ATTACK)).status).toBe(403);
  });

  it('judges the handshake of a WebSocket, and what comes after is none of its business', async () => {
    const socket = await gateway.client.upgrade('/api/v1/ws/?transport=websocket&EIO=4');
    socket.write(ATTACK);
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    expect(chunk.toString()).toBe(ATTACK);
    socket.destroy();
    await expect(gateway.client.upgrade(`/api/v1/ws/?token=${encodeURI(ATTACK)}`)).rejects.toThrow('403');
  });

  it('leaves probes alone, and hides the metrics as before', async () => {
    for (const path of ['/health', '/health/live', '/health/ready', '/health/startup'])
      expect((await gateway.client.send(path, { headers: { 'user-agent': 'nikto' } })).status).toBe(200);
    expect((await gateway.client.send(`/health?q=${encodeURI(ATTACK)}`)).status).toBe(403);
    expect((await gateway.client.send(`/metrics?q=${encodeURI(ATTACK)}`)).status).toBe(404);
  });

  it('writes no secret, nor any other value, of what it refuses', async () => {
    const secret = 'open-sesame-42';
    const headers = {
      'x-request-id': 'with-secrets-1',
      authorization: `Bearer ${secret}' OR 1=1--`,
      cookie: `__Host-caudal_refresh=${secret}' OR 1=1--; other=1`,
      'cart-token': `${secret}${ATTACK}`,
      'idempotency-key': `${secret}$(id)`,
    };
    const body = {
      email: `${secret}@x'/**/OR 1=1--`,
      password: `${secret}' OR 1=1--`,
      name: secret + ATTACK,
    };
    expect((await post(body, headers, '/api/v1/auth/register')).status).toBe(403);
    const lineOf = () => gateway.firewallLog.find(({ requestId }) => requestId === 'with-secrets-1');
    await waitFor('the line of the request', () => Promise.resolve(lineOf() !== undefined));
    expect(lineOf()?.findings.map((finding) => finding.in)).toContain('ARGS:json.name');
    await gateway.lineOf('with-secrets-1');
    expect(gateway.output).not.toContain(secret);
    for (const line of gateway.firewallLog) expect(JSON.stringify(line).length).toBeLessThan(4096);
  });

  it('has started without a complaint', () => {
    expect(gateway.errors.filter((line) => /\[(?:warn|emerg|alert|crit)\]/.test(line))).toEqual([]);
  });
});

describe('a gateway whose firewall only looks', () => {
  it('lets everything through and writes down what it would have refused', async () => {
    const upstream = await StubUpstream.start();
    const gateway = await GatewayUnderTest.start({ upstreams: [upstream.address], firewall: 'detection' });
    try {
      const answer = await gateway.client.send('/api/v1/orders', {
        method: 'POST',
        headers: { 'x-request-id': 'only-looked-at' },
        body: { name: ATTACK },
      });
      expect([answer.status, upstream.seen.length]).toEqual([200, 1]);
      const lineOf = () => gateway.firewallLog.find(({ requestId }) => requestId === 'only-looked-at');
      await waitFor('the line of the request', () => Promise.resolve(lineOf() !== undefined));
      expect(lineOf()).toMatchObject({ mode: 'detection', method: 'POST', path: '/api/v1/orders' });
      expect(lineOf()?.score).toBeGreaterThanOrEqual(5);
    } finally {
      await gateway.stop();
      await upstream.stop();
    }
  });
});

import { brotliDecompressSync, gunzipSync, gzipSync } from 'node:zlib';
import { once } from 'node:events';
import { GatewayUnderTest } from '../support/gateway/gateway-under-test.js';
import { StubUpstream } from '../support/gateway/stub-upstream.js';

const SCRIPT = 'export const answer = 42;\n'.repeat(100);
const TRACEPARENT = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

describe('the gateway', () => {
  let upstream: StubUpstream;
  let gateway: GatewayUnderTest;

  beforeAll(async () => {
    upstream = await StubUpstream.start();
    gateway = await GatewayUnderTest.start({
      upstreams: [upstream.address],
      assets: {
        'app.0a1b2c3d.js': SCRIPT,
        'app.0a1b2c3d.js.gz': gzipSync(SCRIPT),
        'app.0a1b2c3d.js.br': 'precompressed',
        'site-navigation.css': 'body { margin: 0 }',
      },
    });
  });

  afterEach(() => {
    upstream.reset();
  });

  afterAll(async () => {
    await gateway.stop();
    await upstream.stop();
  });

  it('answers plain HTTP with a redirect that keeps method, path and query', async () => {
    const answer = await fetch(`http://127.0.0.1:${String(gateway.httpPort)}/api/v1/orders?a=%2Fb`, {
      method: 'POST',
      body: '{}',
      redirect: 'manual',
    });
    expect([answer.status, answer.headers.get('location')]).toEqual([
      308,
      'https://127.0.0.1/api/v1/orders?a=%2Fb',
    ]);
    expect(upstream.seen).toEqual([]);
  });

  it('sends whoever speaks plain HTTP to the port of TLS to TLS', async () => {
    const answer = await fetch(`http://127.0.0.1:${String(gateway.httpsPort)}/docs`, { redirect: 'manual' });
    expect([answer.status, answer.headers.get('location')]).toEqual([308, 'https://127.0.0.1/docs']);
  });

  it.each(['/api/v1/products', '/metrics', '/assets/app.0a1b2c3d.js'])(
    'demands TLS of browsers from then on, with the answer of %s',
    async (path) => {
      const { headers } = await gateway.client.send(path);
      expect(headers['strict-transport-security']).toBe('max-age=63072000; includeSubDomains');
      expect(headers['x-content-type-options']).toBe('nosniff');
      expect(headers['server']).toBe('nginx');
    },
  );

  it('speaks TLS 1.2 and 1.3, and nothing older', async () => {
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      const socket = await gateway.client.connect({ minVersion: version, maxVersion: version });
      expect(socket.getProtocol()).toBe(version);
      socket.destroy();
    }
    await expect(
      gateway.client.connect({
        minVersion: 'TLSv1',
        maxVersion: 'TLSv1.1',
        ciphers: 'DEFAULT:@SECLEVEL=0',
      }),
    ).rejects.toThrow(/protocol version|unsupported protocol/i);
  });

  it('speaks HTTP/2', async () => {
    const answer = await gateway.client.overHttp2('/api/v1/products', { 'x-request-id': 'over-http-2' });
    expect(answer[':status']).toBe(200);
    expect((await gateway.lineOf('over-http-2')).protocol).toBe('HTTP/2.0');
  });

  it.each([
    ['/api/v1/rest/orders?limit=2', '/api/v1/orders?limit=2'],
    ['/api/v1/rest/products/a%2Fb%20c', '/api/v1/products/a%2Fb%20c'],
    ['/api/v1/products/a%2Fb?q=%C3%A9', '/api/v1/products/a%2Fb?q=%C3%A9'],
    ['/api/v1/graphql', '/api/v1/graphql'],
    ['/api/v1/openapi.json', '/api/v1/openapi.json'],
    ['/docs', '/docs'],
    ['/health', '/health'],
    ['/health/ready', '/health/ready'],
    ['/.well-known/jwks.json', '/.well-known/jwks.json'],
  ])('asks for %s at %s', async (path, expected) => {
    expect((await gateway.client.send(path)).status).toBe(200);
    expect(upstream.seen.map(({ url }) => url)).toEqual([expected]);
  });

  it.each([
    '/metrics',
    '/metrics/',
    '/Metrics',
    '/%6detrics',
    '//metrics',
    '/docs/../metrics',
    '/health/process',
    '/',
    '/api/v2/products',
    '/assets/none.js',
    '/assets/',
  ])('has nothing at %s, and asks nobody', async (path) => {
    const { status, body, headers } = await gateway.client.send(path);
    expect([status, body]).toEqual([404, expect.objectContaining({ code: 'ROUTE_NOT_FOUND' })]);
    expect(headers['content-type']).toBe('application/problem+json; charset=utf-8');
    expect(upstream.seen).toEqual([]);
  });

  it('switches to WebSocket below /api/v1/ws/, and nowhere else', async () => {
    const socket = await gateway.client.upgrade('/api/v1/ws/?transport=websocket');
    socket.write('echo');
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    expect(chunk.toString()).toBe('echo');
    socket.destroy();
    await expect(gateway.client.upgrade('/api/v1/products')).rejects.toThrow('no upgrade: 200');
    await expect(gateway.client.upgrade('/api/v1/ws/', 'h2c')).rejects.toThrow('no upgrade: 200');
    expect(upstream.seen.map(({ headers }) => headers.upgrade)).toEqual(['websocket', undefined, undefined]);
  });

  it('tells the processes who asks and what the request is called, whatever the client says of it', async () => {
    const { headers } = await gateway.client.send('/api/v1/products', {
      from: '127.0.0.9',
      headers: {
        'x-request-id': 'mine-1234',
        traceparent: TRACEPARENT,
        tracestate: 'vendor=1',
        'x-forwarded-for': '203.0.113.1, 203.0.113.2',
        'x-forwarded-proto': 'http',
        'x-forwarded-host': 'evil.example',
        'x-real-ip': '203.0.113.3',
        forwarded: 'for=203.0.113.4',
      },
    });
    expect(headers['x-request-id']).toBe('mine-1234');
    expect(upstream.seen[0]?.headers).toMatchObject({
      host: `127.0.0.1:${String(gateway.httpsPort)}`,
      'x-forwarded-for': '127.0.0.9',
      'x-forwarded-proto': 'https',
      'x-forwarded-host': `127.0.0.1:${String(gateway.httpsPort)}`,
      'x-request-id': 'mine-1234',
      traceparent: TRACEPARENT,
      tracestate: 'vendor=1',
    });
    for (const name of ['x-real-ip', 'forwarded']) expect(upstream.seen[0]?.headers).not.toHaveProperty(name);
  });

  it('names requests and traces that come without a name, or with one that is none', async () => {
    const { headers } = await gateway.client.send('/api/v1/products', {
      headers: { 'x-request-id': 'no "name"', traceparent: `ff${TRACEPARENT.slice(2)}`, tracestate: 'a=b' },
    });
    const id = headers['x-request-id'];
    expect(id).toMatch(/^[0-9a-f]{32}$/);
    expect(upstream.seen[0]?.headers['x-request-id']).toBe(id);
    expect(upstream.seen[0]?.headers['traceparent']).toMatch(/^00-[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-0[01]$/);
    expect(upstream.seen[0]?.headers).not.toHaveProperty('tracestate');
  });

  it('logs one line of JSON a request, without the query', async () => {
    await gateway.client.send('/api/v1/rest/products?token=secret', {
      method: 'POST',
      body: { secret: true },
      headers: { 'x-request-id': 'logged-123', traceparent: TRACEPARENT, 'user-agent': 'say "hi"\\' },
    });
    expect(await gateway.lineOf('logged-123')).toMatchObject({
      requestId: 'logged-123',
      traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
      clientAddress: '127.0.0.1',
      method: 'POST',
      path: '/api/v1/rest/products',
      protocol: 'HTTP/1.1',
      status: 200,
      upstream: upstream.address,
      upstreamStatus: '200',
      userAgent: 'say "hi"\\',
    });
    expect(JSON.stringify(gateway.accessLog)).not.toContain('secret');
  });

  it('compresses answers by what the client takes, and passes on what is compressed', async () => {
    const text = JSON.stringify({ products: SCRIPT });
    upstream.answer = (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json', etag: '"v7"', vary: 'Origin' });
      response.end(text);
    };
    const ask = (encoding: string) =>
      gateway.client.send('/api/v1/products', { headers: { 'accept-encoding': encoding } });
    const brotli = await ask('gzip, br');
    expect([brotli.headers['content-encoding'], brotliDecompressSync(brotli.bytes).toString()]).toEqual([
      'br',
      text,
    ]);
    const gzip = await ask('gzip');
    expect([gzip.headers['content-encoding'], gunzipSync(gzip.bytes).toString()]).toEqual(['gzip', text]);
    expect(gzip.headers.vary).toMatch(/Accept-Encoding/);
    expect((await ask('identity')).headers['content-encoding']).toBeUndefined();

    upstream.answer = (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' });
      response.end(gzipSync(text));
    };
    const passed = await ask('gzip, br');
    expect([passed.headers['content-encoding'], gunzipSync(passed.bytes).toString()]).toEqual(['gzip', text]);
  });

  it('makes the ETag of a compressed answer strong again when it comes back in If-Match', async () => {
    upstream.answer = (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json', etag: '"v7"' });
      response.end(JSON.stringify({ text: SCRIPT }));
    };
    const { headers } = await gateway.client.send('/api/v1/products/1', {
      headers: { 'accept-encoding': 'gzip' },
    });
    expect(headers.etag).toBe('W/"v7"');
    for (const tag of ['W/"v7"', '"v7"'])
      await gateway.client.send('/api/v1/products/1', {
        method: 'PUT',
        headers: { 'if-match': tag },
        body: {},
      });
    expect(upstream.seen.slice(1).map((seen) => seen.headers['if-match'])).toEqual(['"v7"', '"v7"']);
  });

  it('keeps what has a digest in its name for ever, and sends it as it was compressed beforehand', async () => {
    const plain = await gateway.client.send('/assets/app.0a1b2c3d.js');
    expect([plain.text, plain.headers['content-type'], plain.headers['cache-control']]).toEqual([
      SCRIPT,
      'application/javascript',
      'public, max-age=31536000, immutable',
    ]);
    const compressed = await gateway.client.send('/assets/app.0a1b2c3d.js', {
      headers: { 'accept-encoding': 'br, gzip' },
    });
    expect([compressed.headers['content-encoding'], compressed.text]).toEqual(['br', 'precompressed']);
    const named = await gateway.client.send('/assets/site-navigation.css');
    expect([named.headers['content-type'], named.headers['cache-control']]).toEqual([
      'text/css',
      'public, max-age=300',
    ]);
  });

  it('has started without a complaint', () => {
    expect(gateway.errors.filter((line) => /\[(?:warn|emerg|alert|crit)\]/.test(line))).toEqual([]);
  });
});

import { once } from 'node:events';
import { connect } from 'node:net';
import { GatewayUnderTest } from '../support/gateway/gateway-under-test.js';
import { StubUpstream } from '../support/gateway/stub-upstream.js';

describe('at the edge', () => {
  let upstream: StubUpstream;
  let gateway: GatewayUnderTest | undefined;

  beforeAll(async () => {
    upstream = await StubUpstream.start();
  });

  afterEach(async () => {
    await gateway?.stop();
    gateway = undefined;
    upstream.reset();
  });

  afterAll(async () => {
    await upstream.stop();
  });

  /** Three requests, and then one in ten seconds. */
  const FEW = [
    ['conf.d/limits.conf', 'rate=100r/s', 'rate=6r/m'],
    ['conf.d/limits.conf', 'burst=1200', 'burst=2'],
  ] as const;

  async function statusesOf(times: number, headers: (time: number) => Record<string, string>, from?: string) {
    const statuses: number[] = [];
    for (let time = 0; time < times; time += 1) {
      const sent = from === undefined ? { headers: headers(time) } : { headers: headers(time), from };
      statuses.push((await gateway!.client.send('/api/v1/products', sent)).status);
    }
    return statuses;
  }

  it('a client is known by its connection, whatever it says of itself', async () => {
    gateway = await GatewayUnderTest.start({ upstreams: [upstream.address], changes: FEW });
    const spoof = (time: number) => ({
      'x-forwarded-for': `198.51.100.${String(time)}`,
      'x-real-ip': `198.51.100.${String(time)}`,
      forwarded: `for=198.51.100.${String(time)}`,
    });
    expect(await statusesOf(5, spoof)).toEqual([200, 200, 200, 429, 429]);
    // Another client is none of its business, and neither are probes.
    expect(await statusesOf(1, spoof, '127.0.0.2')).toEqual([200]);
    for (let time = 0; time < 5; time += 1)
      expect((await gateway.client.send('/health/ready')).status).toBe(200);
    const refused = await gateway.client.send('/api/v1/products');
    expect(refused.body).toMatchObject({ code: 'RATE_LIMITED', policies: ['gateway'] });
    expect(refused.headers['retry-after']).toBe('1');
    expect(upstream.seen.map(({ headers }) => headers['x-forwarded-for'])).toEqual([
      ...Array<string>(3).fill('127.0.0.1'),
      '127.0.0.2',
      ...Array<string>(5).fill('127.0.0.1'),
    ]);
    expect(new Set(gateway.accessLog.map(({ clientAddress }) => clientAddress))).toEqual(
      new Set(['127.0.0.1', '127.0.0.2']),
    );
  });

  it.each([
    [1, '198.51.100.9, 203.0.113.7', '203.0.113.7'],
    [1, '203.0.113.7', '203.0.113.7'],
    [1, '2001:db8::7', '2001:db8::7'],
    [2, 'unknown, 203.0.113.7,10.0.0.1', '203.0.113.7'],
    [3, '198.51.100.9, 203.0.113.7, 10.0.0.2, 10.0.0.1', '203.0.113.7'],
    [2, '203.0.113.7', '127.0.0.1'],
    [1, '203.0.113.7, nonsense', '127.0.0.1'],
  ])('behind %d proxies, %s comes from %s', async (outerHops, field, expected) => {
    gateway = await GatewayUnderTest.start({ upstreams: [upstream.address], outerHops });
    await gateway.client.send('/api/v1/products', { headers: { 'x-forwarded-for': field } });
    expect(upstream.seen[0]?.headers['x-forwarded-for']).toBe(expected);
  });

  it('the addresses of one network of IPv6 are one client behind a proxy', async () => {
    gateway = await GatewayUnderTest.start({ upstreams: [upstream.address], outerHops: 1, changes: FEW });
    const from = (address: string) => ({ 'x-forwarded-for': address });
    expect(await statusesOf(5, (time) => from(`2001:db8:1:2:3:4:5:${String(time)}`))).toEqual([
      200, 200, 200, 429, 429,
    ]);
    expect(await statusesOf(5, (time) => from(`2001:db8::${String(time + 1)}`))).toEqual([
      200, 200, 200, 429, 429,
    ]);
    expect(await statusesOf(5, (time) => from(`::ffff:203.0.113.${String(time)}`))).toEqual([
      200, 200, 200, 200, 200,
    ]);
  });

  it('sign-in is held to less', async () => {
    gateway = await GatewayUnderTest.start({
      upstreams: [upstream.address],
      changes: [
        ['conf.d/limits.conf', 'rate=5r/s', 'rate=6r/m'],
        ['conf.d/limits.conf', 'burst=60', 'burst=1'],
      ],
    });
    const statuses: number[] = [];
    for (const path of ['/api/v1/auth/login', '/api/v1/rest/auth/login', '/api/v1/auth/refresh'])
      statuses.push((await gateway.client.send(path, { method: 'POST', body: {} })).status);
    expect(statuses).toEqual([200, 200, 429]);
    expect((await gateway.client.send('/api/v1/products')).status).toBe(200);
  });

  it('a client has so many requests under way, over however many connections', async () => {
    gateway = await GatewayUnderTest.start({
      upstreams: [upstream.address],
      changes: [['conf.d/limits.conf', 'limit_conn connections 256', 'limit_conn connections 2']],
    });
    const waiting: (() => void)[] = [];
    upstream.answer = (_request, response) => {
      waiting.push(() => response.end('{}'));
    };
    const { client } = gateway;
    const first = client.send('/api/v1/products');
    const second = client.send('/api/v1/products');
    while (waiting.length < 2) await new Promise((resolve) => setImmediate(resolve));
    const third = await client.send('/api/v1/products');
    expect([third.status, third.body]).toEqual([429, expect.objectContaining({ code: 'RATE_LIMITED' })]);
    for (const answer of waiting) answer();
    expect([(await first).status, (await second).status]).toEqual([200, 200]);
  });

  it('whoever sends too slowly is cut off, and no process hears of it', async () => {
    gateway = await GatewayUnderTest.start({
      upstreams: [upstream.address],
      changes: [
        ['conf.d/limits.conf', 'client_header_timeout 10s', 'client_header_timeout 1s'],
        ['conf.d/limits.conf', 'client_body_timeout 10s', 'client_body_timeout 1s'],
      ],
    });
    const head = 'POST /api/v1/orders HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n';
    for (const bytes of [
      'GET /api/v1/products HTTP/1.1\r\nHost: a\r\nX-Slow: ',
      `${head}Content-Length: 100\r\n\r\n{"lines"`,
      `${head}Transfer-Encoding: chunked\r\n\r\n5\r\n{"lin`,
    ])
      expect(await gateway.client.sendBytes(bytes)).not.toContain(' 200 ');
    // A handshake that never begins.
    const silent = connect(gateway.httpsPort, '127.0.0.1');
    await once(silent.resume(), 'close');
    expect(upstream.seen).toEqual([]);
  });
});

import { routesOf, type OpenApiDocument } from '../support/api-routes.js';
import { startApp } from '../support/app-harness.js';
import { GatewayUnderTest } from '../support/gateway/gateway-under-test.js';
import { hangUp, StubUpstream } from '../support/gateway/stub-upstream.js';
import { startTestServices } from '../support/services/index.js';

const KEY = { 'idempotency-key': 'attempt-1' };

/** Both take the request and end without a word. */
describe('a request whose process ends without an answer', () => {
  let stubs: [StubUpstream, StubUpstream];
  let gateway: GatewayUnderTest;

  beforeEach(async () => {
    stubs = [await StubUpstream.start(), await StubUpstream.start()];
    gateway = await GatewayUnderTest.start({ upstreams: stubs.map(({ address }) => address) });
  });

  afterEach(async () => {
    await gateway.stop();
    for (const stub of stubs) await stub.stop();
  });

  const seen = () => stubs.flatMap((stub) => stub.seen);
  const body = { lines: [] };

  it.each([
    ['GET', '/api/v1/products', {}],
    ['HEAD', '/api/v1/products', {}],
    ['POST', '/api/v1/orders', KEY],
    ['POST', '/api/v1/rest/orders', KEY],
    ['POST', '/api/v1/orders/0198/payments', KEY],
  ])('is sent again when it may be: %s %s', async (method, path, headers) => {
    // The first one to be asked, whichever it is.
    for (const stub of stubs)
      stub.answer = (request, response) => {
        if (seen().length === 1) hangUp(request, response);
        else response.end('{}');
      };
    const sent = method === 'POST' ? { method, headers, body } : { method, headers };
    expect((await gateway.client.send(path, sent)).status).toBe(200);
    expect(seen().map((each) => [each.method, each.body, each.headers['idempotency-key']])).toEqual(
      Array(2).fill([method, method === 'POST' ? JSON.stringify(body) : '', keyOf(headers)]),
    );
    expect(stubs.map((stub) => stub.seen.length)).toEqual([1, 1]);
  });

  it.each([
    ['POST without a key', 'POST', '/api/v1/orders', {}],
    ['POST with an empty key', 'POST', '/api/v1/orders', { 'idempotency-key': '' }],
    ['POST with a key that is none', 'POST', '/api/v1/orders', { 'idempotency-key': 'two words' }],
    ['POST with a key, of a route that keeps none', 'POST', '/api/v1/cart/lines', KEY],
    ['GraphQL with a key', 'POST', '/api/v1/graphql', KEY],
    ['PUT with If-Match', 'PUT', '/api/v1/admin/stock/1', { 'if-match': '"v1"' }],
    ['PUT with a key', 'PUT', '/api/v1/orders', KEY],
    ['PATCH', 'PATCH', '/api/v1/cart/lines/1', {}],
    ['DELETE', 'DELETE', '/api/v1/cart/lines/1', {}],
  ])('is sent once otherwise, and the answer says so: %s', async (_name, method, path, headers) => {
    for (const stub of stubs) stub.answer = hangUp;
    const sent = method === 'DELETE' ? { method, headers } : { method, headers, body };
    const answer = await gateway.client.send(path, sent);
    expect([answer.status, answer.headers['retry-after'], answer.body]).toEqual([
      503,
      '1',
      expect.objectContaining({ code: 'ANSWER_LOST' }),
    ]);
    expect(seen()).toHaveLength(1);
  });

  it('goes to a process that is there, whatever it is, when another takes no connection', async () => {
    await stubs[0].stop();
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'GET'])
      for (let time = 0; time < 4; time += 1)
        expect((await gateway.client.send('/api/v1/cart/lines', { method, body })).status).toBe(200);
    expect(stubs[1].seen).toHaveLength(20);
    stubs[0] = await StubUpstream.start();
  });

  it('is refused when nobody is there: nothing was done', async () => {
    for (const stub of stubs) await stub.stop();
    for (const method of ['GET', 'POST', 'DELETE', 'GET', 'POST', 'DELETE']) {
      const answer = await gateway.client.send('/api/v1/cart/lines', { method });
      expect([answer.status, answer.headers['retry-after'], answer.body]).toEqual([
        503,
        '1',
        expect.objectContaining({ code: 'SERVER_UNAVAILABLE' }),
      ]);
    }
    stubs = [await StubUpstream.start(), await StubUpstream.start()];
  });

  it('goes where a deployment says, without a request that fails', async () => {
    const next = await StubUpstream.start();
    try {
      const statuses = new Set<number>();
      const ask = async () => {
        statuses.add((await gateway.client.send('/api/v1/cart', { method: 'PUT', body })).status);
      };
      await Promise.all([ask(), ask(), ask()]);
      gateway.reload([next.address]);
      while (next.seen.length === 0) await Promise.all([ask(), ask(), ask()]);
      expect([...statuses]).toEqual([200]);
    } finally {
      await next.stop();
    }
  });
});

describe('a request that takes too long', () => {
  it('is refused, its outcome unknown, and sent to nobody else', async () => {
    const stubs = [await StubUpstream.start(), await StubUpstream.start()];
    const gateway = await GatewayUnderTest.start({
      upstreams: stubs.map(({ address }) => address),
      changes: [
        ['snippets/proxy.conf', 'proxy_read_timeout 18s', 'proxy_read_timeout 500ms'],
        ['snippets/proxy.conf', 'proxy_next_upstream_timeout 5s', 'proxy_next_upstream_timeout 100ms'],
      ],
    });
    try {
      for (const stub of stubs) stub.answer = () => undefined;
      for (const method of ['GET', 'POST']) {
        const answer = await gateway.client.send('/api/v1/cart', { method });
        expect([answer.status, answer.body]).toEqual([
          503,
          expect.objectContaining({ code: 'REQUEST_DEADLINE_EXCEEDED' }),
        ]);
      }
      expect(stubs.flatMap(({ seen }) => seen)).toHaveLength(2);
    } finally {
      await gateway.stop();
      for (const stub of stubs) await stub.stop();
    }
  });
});

describe('the routes whose key makes them repeatable', () => {
  it('are those of the application that demand one', async () => {
    const services = await startTestServices();
    const app = await startApp({ services });
    const upstream = await StubUpstream.start();
    // The first attempt of each request is lost.
    const attempts = new Map<string, number>();
    upstream.answer = (request, response) => {
      const id = String(request.headers['x-request-id']);
      attempts.set(id, (attempts.get(id) ?? 0) + 1);
      if (attempts.get(id) === 1) hangUp(request, response);
      else response.end('{}');
    };
    // One process twice, which lost attempts do not take out of service.
    const twice = Array<string>(2).fill(`${upstream.address} max_fails=0`);
    const gateway = await GatewayUnderTest.start({ upstreams: twice });
    try {
      const document = (await (await fetch(`${app.url}/api/v1/openapi.json`)).json()) as OpenApiDocument;
      const routes = routesOf(document).filter(({ method }) => method !== 'GET');
      expect(routes.length).toBeGreaterThan(20);
      for (const [index, route] of routes.entries()) {
        const path = route.path.replaceAll(/\{[^}]*\}/g, 'some-id');
        const id = `route-number-${String(index)}`;
        await gateway.client.send(path, {
          method: route.method,
          headers: { ...KEY, 'x-request-id': id },
        });
        expect([route.name, attempts.get(id)]).toEqual([
          route.name,
          route.demandsHeader('Idempotency-Key') ? 2 : 1,
        ]);
      }
    } finally {
      await gateway.stop();
      await upstream.stop();
      await app.close();
      await services.close();
    }
  });
});

function keyOf(headers: object): string | undefined {
  return 'idempotency-key' in headers ? String(headers['idempotency-key']) : undefined;
}

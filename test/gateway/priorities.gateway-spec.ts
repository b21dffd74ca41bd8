import { priorityOf } from '../../src/bootstrap/http/route-priorities.js';
import { type OpenApiDocument, routesOf } from '../support/api-routes.js';
import { startApp } from '../support/app-harness.js';
import { type GatewayAnswer } from '../support/gateway/gateway-client.js';
import { GatewayUnderTest } from '../support/gateway/gateway-under-test.js';
import { StubUpstream } from '../support/gateway/stub-upstream.js';
import { startTestServices } from '../support/services/index.js';
import { waitFor } from '../support/wait-for.js';

const HELD = 'held-request';
/** Of the gateway: the application sheds none of its probes, so they have the connections of the first. */
const groupOf = (path: string) => priorityOf(path) ?? 'critical';

/** One connection to the process for each priority, and requests that hold it until they are let go. */
describe('a gateway whose connections of one priority are all in use', () => {
  let upstream: StubUpstream;
  let gateway: GatewayUnderTest;
  let letGo: () => void;

  beforeEach(async () => {
    upstream = await StubUpstream.start();
    const held: (() => void)[] = [];
    letGo = () => {
      for (const end of held.splice(0)) end();
    };
    upstream.answer = ({ headers }, response) => {
      if (headers['x-request-id'] !== HELD) response.end('{}');
      else held.push(() => response.end('{}'));
    };
    // One failure would keep the process out for long: a refusal that counts as one shows.
    gateway = await GatewayUnderTest.start({
      upstreams: [`${upstream.address} max_conns=1 max_fails=1 fail_timeout=60s`],
    });
  });

  afterEach(async () => {
    letGo();
    await gateway.stop();
    await upstream.stop();
  });

  async function hold(path: string): Promise<{ readonly answer: Promise<GatewayAnswer> }> {
    const answer = gateway.client.send(path, { headers: { 'x-request-id': HELD } });
    await waitFor('the request at the process', () =>
      upstream.seen.some(({ headers }) => headers['x-request-id'] === HELD),
    );
    return { answer };
  }

  it('refuses more of it with a time to come back, sends them nowhere, and takes them afterwards', async () => {
    const held = await hold('/api/v1/products');
    upstream.seen.length = 0;
    const { status, body, headers } = await gateway.client.send('/api/v1/search?q=kettle');
    expect([status, headers['retry-after'], body]).toEqual([
      503,
      '1',
      expect.objectContaining({ code: 'SERVER_UNAVAILABLE' }),
    ]);
    expect(upstream.seen).toEqual([]);
    letGo();
    expect((await held.answer).status).toBe(200);
    // nginx counts the connection as free a moment after the answer.
    await waitFor(
      'an answer',
      async () => (await gateway.client.send('/api/v1/search?q=kettle')).status === 200,
    );
  });

  it.each([
    ['critical', '/api/v1/orders/0198'],
    ['important', '/api/v1/cart'],
    ['ordinary', '/api/v1/products'],
  ])('refuses the routes that the application gives this priority, and no other: %s', async (group, path) => {
    const services = await startTestServices();
    const app = await startApp({ services });
    try {
      const document = (await (await fetch(`${app.url}/api/v1/openapi.json`)).json()) as OpenApiDocument;
      // What the gateway dispatches anew has connections of its own.
      const routes = routesOf(document).filter(({ method }) => ['GET', 'POST', 'PATCH'].includes(method));
      expect(new Set(routes.map((route) => groupOf(route.path)))).toEqual(
        new Set(['critical', 'important', 'ordinary']),
      );
      await hold(path);
      for (const route of routes) {
        const asked = route.path.replaceAll(/\{[^}]*\}/g, 'some-id');
        for (const alias of [asked, asked.replace('/api/v1/', '/api/v1/rest/')]) {
          const { status } = await gateway.client.send(alias, { method: route.method });
          expect([route.name, alias, status]).toEqual([
            route.name,
            alias,
            groupOf(route.path) === group ? 503 : 200,
          ]);
        }
      }
    } finally {
      letGo();
      await app.close();
      await services.close();
    }
  });
});

import { newId } from '../../src/common/ids.js';
import { ApiClient } from '../support/api-client.js';
import type { ApiRoute } from '../support/api-routes.js';
import { faultOf, useBadInputTrial } from '../support/bad-input-trial.js';
import { sendRaw } from '../support/raw-http.js';

/** The promise: whatever is sent to whichever route, the answer is a 4xx problem with a stable code. */
describe('bad input', () => {
  const trial = useBadInputTrial();

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
    for (const route of trial().withParameter()) {
      const valid = trial().validBodies[route.name];
      const body = valid === undefined ? {} : { body: JSON.stringify(valid) };
      for (const id of ids)
        await trial().expectRefusal(id, trial().request(route, { path: trial().pathOf(route, id), ...body }));
    }
  });

  it("that names other people's things is refused like what does not exist", async () => {
    const stranger = await trial().shop.createBuyer();
    const owned = trial().routes.filter(({ path }) => /\/(orders|cart\/lines)\/\{id\}/.test(path));
    expect(owned.length).toBeGreaterThanOrEqual(5);
    for (const route of owned) {
      const valid = trial().validBodies[route.name];
      const body = valid === undefined ? {} : { body: JSON.stringify(valid) };
      const code = route.path.includes('cart') ? 'CART_LINE_NOT_FOUND' : 'ORDER_NOT_FOUND';
      await trial().expectRefusal(
        'of a stranger',
        trial().request(route, { token: stranger.token, ...body }),
        code,
      );
    }
    const order = trial().validBodies['POST /api/v1/orders'] as object;
    const [cart] = await trial().shop.rows<{ id: string }>('SELECT id FROM carts WHERE user_id = $1', [
      trial().buyer.userId,
    ]);
    const place = trial().routes.find(({ name }) => name === 'POST /api/v1/orders') as ApiRoute;
    const body = JSON.stringify({ ...order, lines: undefined, cartId: cart?.id });
    await trial().expectRefusal(
      'the cart of a stranger',
      trial().request(place, { token: stranger.token, body }),
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
    for (const route of trial().routes) {
      const path = trial().pathOf(route);
      for (const { name, schema = {} } of route.parameters('query')) {
        const hasForm =
          ['integer', 'number', 'boolean'].includes(String(schema.type)) ||
          schema.enum !== undefined ||
          ['cursor', 'currency', 'sort'].includes(name);
        for (const value of values) {
          const bad = trial().request(route, { path: `${path}?${name}=${value.replace('NAME', name)}` });
          const answer = await sendRaw(trial().application.url, bad);
          const fault = answer.status < 400 && !hasForm ? null : faultOf(answer);
          if (fault !== null) trial().faults.push(`${bad.path.slice(0, 100)}: ${fault}`);
        }
      }
      if (route.parameters('query').length > 0)
        await trial().expectRefusal(
          'unknown parameter',
          trial().request(route, { path: `${path}?surprise=1` }),
          'VALIDATION_FAILED',
        );
    }
  });

  it('in place of a cursor is refused: forged, cut, of another list, other filters or another buyer', async () => {
    const api = new ApiClient(trial().application.url);
    await trial().shop.createVariant(1);
    await trial().services.waitForReplica();
    const pageOf = async (path: string, token = trial().buyer.token) =>
      String((await api.get(path, { token })).body['nextCursor']);
    await api.post('/api/v1/orders', {
      token: trial().buyer.token,
      key: newId(),
      body: trial().validBodies['POST /api/v1/orders'],
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
    const lists = trial().routes.filter((route) =>
      route.parameters('query').some(({ name }) => name === 'cursor'),
    );
    expect(lists.length).toBeGreaterThanOrEqual(4);
    for (const route of lists) {
      const foreign = route.path.endsWith('/orders') ? products : orders;
      for (const cursor of [...forged, foreign])
        await trial().expectRefusal(
          `cursor ${cursor}`,
          trial().request(route, { path: `${trial().pathOf(route)}?cursor=${cursor}` }),
        );
    }
    const find = (name: string) => trial().routes.find((route) => route.name === name) as ApiRoute;
    await trial().expectRefusal(
      'cursor of other filters',
      trial().request(find('GET /api/v1/products'), {
        path: `/api/v1/products?inStock=true&cursor=${products}`,
      }),
      'CURSOR_INVALID',
    );
    const stranger = await trial().shop.createBuyer();
    await trial().expectRefusal(
      'cursor of a stranger',
      trial().request(find('GET /api/v1/orders'), {
        path: `/api/v1/orders?cursor=${orders}`,
        token: stranger.token,
      }),
      'CURSOR_INVALID',
    );
  });
});

import { ApiClient, type ApiAnswer } from '../support/api-client.js';
import { type AppUnderTest, startApp } from '../support/app-harness.js';
import { startTestServices, type TestServices } from '../support/services/index.js';
import { ADDRESS, Shop } from '../support/shop.builder.js';
import { newEmail, PASSWORD, type SignedIn, waitForSessionStore } from '../support/sign-in-client.js';

const COOKIE = '__Host-caudal_cart';
const QUANTITY_MAX = 20;

interface Guest {
  readonly cartId: string;
  readonly cart: string;
}

describe('the cart of a guest who signs in', () => {
  let services: TestServices;
  let app: AppUnderTest;
  let api: ApiClient;
  let shop: Shop;
  let mug: string;
  let lamp: string;

  beforeAll(async () => {
    services = await startTestServices();
    app = await startApp({ services, env: { ORDER_LINE_QUANTITY_MAX: String(QUANTITY_MAX) } });
    api = new ApiClient(app.url);
    shop = new Shop(services.databaseUrl);
    [mug, lamp] = [await shop.createVariant(1000), await shop.createVariant(1000)];
    await waitForSessionStore(app.url);
  });

  afterAll(async () => {
    await shop.close();
    await app.close();
    await services.close();
  });

  const add = (variantId: string, quantity: number, request: { token?: string } = {}) =>
    api.post('/api/v1/cart/lines', { ...request, body: { variantId, quantity } });
  const newGuest = async (variantId: string, quantity: number): Promise<Guest> => {
    const { status, headers, body } = await add(variantId, quantity);
    expect(status).toBe(201);
    return { cartId: String(body['id']), cart: headers.get('cart-token') ?? '' };
  };
  const sign = (way: 'register' | 'login', email: string, headers: Record<string, string>) =>
    api.post(`/api/v1/auth/${way}`, {
      headers,
      body: { email, password: PASSWORD, ...(way === 'register' ? { name: 'Ada' } : {}) },
    });
  const newAccount = async () => {
    const email = newEmail();
    return { email, token: ((await sign('register', email, {})).body as SignedIn).accessToken };
  };
  const order = (token: string, cartId: string) =>
    api.post('/api/v1/orders', {
      token,
      key: crypto.randomUUID(),
      body: { cartId, shippingAddress: ADDRESS },
    });
  const quantities = ({ body }: ApiAnswer) =>
    Object.fromEntries(
      (body['lines'] as { variantId: string; quantity: number }[]).map((line) => [
        line.variantId,
        line.quantity,
      ]),
    );
  const outcomeOf = ({ status, body }: ApiAnswer): unknown[] => [status, body['code']];

  it('can be ordered at once by the id that the guest knows, after a registration', async () => {
    const guest = await newGuest(mug, 2);
    const { accessToken } = (await sign('register', newEmail(), { 'cart-token': guest.cart }))
      .body as SignedIn;
    const placed = await order(accessToken, guest.cartId);
    expect(placed.status).toBe(201);
    expect(quantities(placed)).toEqual({ [mug]: 2 });
    expect(outcomeOf(await order(accessToken, guest.cartId))).toEqual([409, 'CART_EMPTY']);
  });

  it('can be ordered at once after a log-in, together with what the account had in its own', async () => {
    const { email, token } = await newAccount();
    const own = await add(lamp, 1, { token });
    expect([own.status, own.body]).toMatchObject([201, { lines: [{ variantId: lamp }] }]);
    const guest = await newGuest(mug, 2);
    const signedIn = await sign('login', email, { cookie: `${COOKIE}=${guest.cart}` });
    expect(signedIn.status).toBe(200);
    expect(signedIn.headers.getSetCookie().find((line) => line.startsWith(`${COOKIE}=`))).toMatch(
      new RegExp(`^${COOKIE}=; .*Max-Age=0`),
    );
    const { accessToken } = signedIn.body as SignedIn;
    const placed = await order(accessToken, guest.cartId);
    expect(placed.status).toBe(201);
    expect(quantities(placed)).toEqual({ [lamp]: 1, [mug]: 2 });
    // One cart under both ids.
    expect(outcomeOf(await order(accessToken, String(own.body['id'])))).toEqual([409, 'CART_EMPTY']);
  });

  it('is merged once, however many log-ins come at the same time', async () => {
    const { email, token } = await newAccount();
    const guest = await newGuest(mug, 2);
    const answers = await Promise.all(
      Array.from({ length: 5 }, () => sign('login', email, { 'cart-token': guest.cart })),
    );
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    expect(quantities(await api.get('/api/v1/cart', { token }))).toEqual({ [mug]: 2 });
  });

  it('stays a stranger’s to everybody else, and a refused log-in leaves it alone', async () => {
    const { email } = await newAccount();
    const { token: stranger } = await newAccount();
    const guest = await newGuest(mug, 2);
    const refused = await api.post('/api/v1/auth/login', {
      headers: { 'cart-token': guest.cart },
      body: { email, password: 'not the password of anybody' },
    });
    expect(refused.status).toBe(401);
    expect(quantities(await api.get('/api/v1/cart', { headers: { 'cart-token': guest.cart } }))).toEqual({
      [mug]: 2,
    });
    await sign('login', email, { 'cart-token': guest.cart });
    expect(outcomeOf(await order(stranger, guest.cartId))).toEqual([404, 'CART_NOT_FOUND']);
  });

  it('waits for the next request for the cart when a line must be cut, which says so', async () => {
    const { email, token } = await newAccount();
    await add(mug, QUANTITY_MAX, { token });
    const guest = await newGuest(mug, 2);
    const signedIn = await sign('login', email, { cookie: `${COOKIE}=${guest.cart}` });
    expect(signedIn.status).toBe(200);
    expect(signedIn.headers.getSetCookie().filter((line) => line.startsWith(COOKIE))).toEqual([]);
    expect(outcomeOf(await order(token, guest.cartId))).toEqual([404, 'CART_NOT_FOUND']);

    const shown = await api.get('/api/v1/cart', { token, headers: { cookie: `${COOKIE}=${guest.cart}` } });
    expect(shown.body['merge']).toEqual({ mergedLines: 1, cappedLines: 1, droppedLines: 0 });
    expect(quantities(await order(token, guest.cartId))).toEqual({ [mug]: QUANTITY_MAX });
  });
});

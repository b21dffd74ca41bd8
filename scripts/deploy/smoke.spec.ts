import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { type AddressInfo } from 'node:net';
import { runScript } from '../../test/support/shell-script.js';

type Answer = readonly [status: number, body: unknown, headers?: Record<string, string>];

const CATALOGUE = {
  items: [
    {
      id: 'product-1',
      description: 'Not a variant: {"id":"wrong","available":9}',
      variants: [
        { id: 'sold-out', options: { size: 'S' }, price: { amount: 1, currency: 'USD' }, available: 0 },
        { id: 'variant-2', options: {}, price: { amount: 1, currency: 'USD' }, available: 12 },
      ],
    },
  ],
  nextCursor: null,
};

/** What a shop that is well answers to each step, in the words of the test. */
const WELL: Record<string, Answer> = {
  ready: [200, { status: 'ready' }],
  health: [200, { status: 'ok', components: { redis: { status: 'error' } } }],
  catalogue: [200, CATALOGUE],
  register: [201, { user: { id: 'user-1', status: 'active' }, accessToken: 'token-1' }],
  order: [201, { id: 'order-1', status: 'pending_payment' }],
  replay: [201, { id: 'order-1', status: 'pending_payment' }, { 'Idempotency-Replayed': 'true' }],
  payment: [201, { id: 'payment-1', orderStatus: 'paid' }],
  cancellation: [200, { id: 'order-1', status: 'cancelled' }],
  afterwards: [200, { id: 'order-1', number: 'C-1', status: 'paid' }],
};

describe('smoke.sh', () => {
  let server: Server;
  let url = '';
  let answers: Record<string, Answer> = WELL;
  let requests: { step: string; request: IncomingMessage; body: string }[] = [];

  beforeAll(async () => {
    server = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        const step = stepOf(
          request,
          requests.map(({ step: earlier }) => earlier),
        );
        requests.push({ step, request, body });
        const [status, answer, headers = {}] = answers[step] ?? [404, {}];
        response.writeHead(status, { 'Content-Type': 'application/json', ...headers });
        response.end(JSON.stringify(answer));
      });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  });
  beforeEach(() => {
    answers = WELL;
    requests = [];
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  it('walks the whole journey, with the token and the same key twice', async () => {
    const { code, out, errors } = await runScript('smoke.sh', [`${url}/api/v1/`]);
    expect([code, errors]).toEqual([0, '']);
    expect(out.split('\n')).toEqual([
      '✓ health: ok',
      '✓ catalogue',
      '✓ register',
      '✓ order',
      '✓ replay',
      '✓ payment',
      '✓ order reads as paid',
      '',
    ]);
    const [, , , , order, replay, payment] = requests;
    expect(order?.request.headers['idempotency-key']).toMatch(/^smoke-[0-9a-f]{24}$/);
    expect(replay?.request.headers['idempotency-key']).toBe(order?.request.headers['idempotency-key']);
    expect(replay?.body).toBe(order?.body);
    expect(JSON.parse(order?.body ?? '')).toMatchObject({ lines: [{ variantId: 'variant-2', quantity: 1 }] });
    expect(payment?.request.headers.authorization).toBe('Bearer token-1');
    expect(JSON.parse(payment?.body ?? '')).toEqual({ provider: 'test', token: 'tok_success' });
  });

  it('gives the stock back in place of paying, where money is real', async () => {
    answers = { ...WELL, afterwards: [200, { id: 'order-1', status: 'cancelled' }] };
    const { code, out } = await runScript('smoke.sh', [url, '--no-payment']);
    expect([code, out.split('\n').slice(-3)]).toEqual([
      0,
      ['✓ cancellation', '✓ order reads as cancelled', ''],
    ]);
    expect(requests.map(({ step }) => step)).not.toContain('payment');
  });

  it.each<[string, Record<string, Answer>, string]>([
    ['is not ready', { ready: [503, { status: 'draining' }] }, 'health: answered 503 where 200 was expected'],
    ['is not well', { health: [200, { status: 'error' }] }, 'health: says "error"'],
    [
      'lists nothing',
      { catalogue: [200, { items: [] }] },
      'catalogue: no product on the first page is in stock',
    ],
    [
      'is busy',
      { register: [503, { code: 'AUTH_BUSY', status: 503 }] },
      'register: answered 503 AUTH_BUSY where 201 was expected',
    ],
    ['gives no token', { register: [201, {}] }, 'register: the answer has no accessToken'],
    [
      'refuses the order',
      { order: [409, { code: 'ORDER_OUT_OF_STOCK' }] },
      'order: answered 409 ORDER_OUT_OF_STOCK where 201 was expected',
    ],
    [
      'orders twice',
      { replay: [201, { id: 'order-2' }] },
      'replay: the same key made a second order, order-2 after order-1',
    ],
    [
      'does not mark a replay',
      { replay: [201, { id: 'order-1' }] },
      'replay: the answer is not marked as a replay',
    ],
    ['takes no money', { payment: [402, {}] }, 'payment: answered 402 where 201 was expected'],
    [
      'forgets the payment',
      { afterwards: [200, { id: 'order-1', status: 'pending_payment' }] },
      'order afterwards: reads as "pending_payment" and not as "paid"',
    ],
  ])('stops with one line at a shop that %s', async (_, fault, line) => {
    answers = { ...WELL, ...fault };
    const { code, errors } = await runScript('smoke.sh', [url, '--wait', '0']);
    expect([code, errors]).toEqual([1, `smoke: ${line}\n`]);
  });

  it('waits for a shop that is still starting', async () => {
    answers = { ...WELL, ready: [503, {}] };
    const run = runScript('smoke.sh', [url, '--wait', '60']);
    await once(server, 'request');
    answers = WELL;
    expect((await run).code).toBe(0);
  });

  it('says when nobody answers, sends nothing in a dry run, and refuses what is no URL', async () => {
    const { code, errors } = await runScript('smoke.sh', ['http://127.0.0.1:1', '--wait', '0']);
    expect([code, errors]).toEqual([
      1,
      expect.stringMatching(/^smoke: health: no answer from http:\/\/127.0.0.1:1 \(.+\)\n$/),
    ]);
    const dry = await runScript('smoke.sh', [url, '--dry-run']);
    expect([dry.code, dry.out.split('\n').length]).toEqual([0, 9]);
    expect(requests).toEqual([]);
    for (const wrong of [[], ['shop.example.com'], [url, url], [url, '--wait', 'long']]) {
      expect((await runScript('smoke.sh', wrong)).code).toBe(2);
    }
  });
});

function stepOf({ method, url: path = '' }: IncomingMessage, earlier: readonly string[]): string {
  if (path === '/health/ready') return 'ready';
  if (path === '/health') return 'health';
  if (path.startsWith('/api/v1/products')) return 'catalogue';
  if (path === '/api/v1/auth/register') return 'register';
  if (path === '/api/v1/orders') return earlier.includes('order') ? 'replay' : 'order';
  if (path.endsWith('/payments')) return 'payment';
  if (path.endsWith('/cancel')) return 'cancellation';
  return method === 'GET' && path === '/api/v1/orders/order-1' ? 'afterwards' : 'unknown';
}

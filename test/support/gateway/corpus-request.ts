import { type GatewayClient } from './gateway-client.js';

/** A request of the corpora beside test/gateway/firewall: a text, and where in a request it stands. */
export interface CorpusRequest {
  /** query, rawquery, path, cookie, json, raw, header:NAME, body:MEDIA-TYPE, or one of FIELDS. */
  readonly in: string;
  readonly payload: string;
}

export interface CorpusAnswer {
  readonly status: number;
  readonly code: string | undefined;
  readonly requestId: string | undefined;
}

/** As a client of the shop sends them. */
const HEADERS = { host: 'shop.example', 'user-agent': 'shop-app/1.0', accept: 'application/json' };

interface Field {
  readonly method: string;
  readonly path: string;
  body(payload: string): unknown;
}

/** Values of bodies that real routes take. */
const FIELDS: Readonly<Record<string, Field>> = {
  'register.name': {
    method: 'POST',
    path: '/api/v1/auth/register',
    body: (name) => ({ email: 'ada@example.com', password: 'correct horse', name }),
  },
  'register.password': {
    method: 'POST',
    path: '/api/v1/auth/register',
    body: (password) => ({ email: 'ada@example.com', password, name: 'Ada' }),
  },
  'login.email': {
    method: 'POST',
    path: '/api/v1/auth/login',
    body: (email) => ({ email, password: 'correct horse' }),
  },
  'login.password': {
    method: 'POST',
    path: '/api/v1/rest/auth/login',
    body: (password) => ({ email: 'ada@example.com', password }),
  },
  'order.line1': {
    method: 'POST',
    path: '/api/v1/orders',
    body: (line1) => ({
      lines: [{ variantId: '01980000-0000-7000-8000-000000000000', quantity: 1 }],
      shippingAddress: { name: 'Ada', line1, city: 'Madrid', postalCode: '28013', country: 'ES' },
    }),
  },
  'product.description': {
    method: 'PATCH',
    path: '/api/v1/admin/products/01980000-0000-7000-8000-000000000000',
    body: (description) => ({ description }),
  },
  'category.name': {
    method: 'POST',
    path: '/api/v1/admin/categories',
    body: (name) => ({ slug: 'men', name }),
  },
  'cart.variantId': {
    method: 'POST',
    path: '/api/v1/cart/lines',
    body: (variantId) => ({ variantId, quantity: 1 }),
  },
};

export async function sendCorpusRequest(
  client: GatewayClient,
  { in: place, payload }: CorpusRequest,
): Promise<CorpusAnswer> {
  const [kind = '', detail = ''] = place.split(/:(.*)/s);
  switch (kind) {
    case 'raw':
      return parse(await client.sendBytes(Buffer.from(payload, 'latin1')));
    case 'path': {
      const lines = Object.entries({ ...HEADERS, connection: 'close' }).map(
        ([name, value]) => `${name}: ${value}`,
      );
      return parse(await client.sendBytes(`GET ${payload} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`));
    }
    case 'query':
      return send(client, `/api/v1/products?q=${encodeURIComponent(payload)}`);
    case 'rawquery':
      return send(client, `/api/v1/products?${payload}`);
    case 'cookie':
      return send(client, '/api/v1/cart', { headers: { cookie: `theme=${payload}` } });
    case 'header':
      return /^content-/i.test(detail)
        ? send(client, '/api/v1/orders', { method: 'POST', headers: { [detail]: payload }, body: '{}' })
        : send(client, '/api/v1/products', { headers: { [detail]: payload } });
    case 'json':
      return send(client, '/api/v1/auth/login', { method: 'POST', body: payload });
    case 'body':
      return send(client, '/api/v1/auth/login', {
        method: 'POST',
        headers: { 'content-type': detail },
        body: payload,
      });
    default: {
      const field = FIELDS[place];
      if (field === undefined) throw new Error(`nothing is sent in "${place}"`);
      return send(client, field.path, { method: field.method, body: field.body(payload) });
    }
  }
}

async function send(
  client: GatewayClient,
  path: string,
  { headers = {}, ...rest }: Parameters<GatewayClient['send']>[1] = {},
): Promise<CorpusAnswer> {
  const lowerCased = Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]),
  );
  const { status, text } = await client.send(path, { ...rest, headers: { ...HEADERS, ...lowerCased } });
  return { status, ...named(text) };
}

function parse(answer: string): CorpusAnswer {
  return { status: Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1] ?? 0), ...named(answer) };
}

function named(text: string): { code: string | undefined; requestId: string | undefined } {
  return {
    code: /"code":"(\w+)"/.exec(text)?.[1],
    requestId: /"requestId":"([\w-]+)"/.exec(text)?.[1],
  };
}

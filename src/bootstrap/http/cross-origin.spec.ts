import Fastify from 'fastify';
import { CrossOriginPolicy } from './cross-origin.js';

const ORIGIN = 'https://shop.example';

describe('the policy for other origins', () => {
  const ask = async (method: 'GET' | 'OPTIONS', headers: Record<string, string>) => {
    const fastify = Fastify();
    const policy = new CrossOriginPolicy([ORIGIN]);
    fastify.addHook('onRequest', (request, reply, done) => {
      if (!policy.apply(request, reply)) done();
    });
    fastify.route({ method: ['GET', 'OPTIONS'], url: '/', handler: () => 'the handler' });
    try {
      return await fastify.inject({ method, url: '/', headers });
    } finally {
      await fastify.close();
    }
  };
  const fieldsOf = (headers: object) =>
    Object.keys(headers).filter((name) => name.startsWith('access-control-'));

  it('lets a listed origin read the answer, with its cookies', async () => {
    const { body, headers } = await ask('GET', { origin: ORIGIN });
    expect(body).toBe('the handler');
    expect(headers).toMatchObject({
      'access-control-allow-origin': ORIGIN,
      'access-control-allow-credentials': 'true',
    });
    expect(headers['access-control-expose-headers']).toContain('Retry-After');
  });

  it('answers the preflight of a listed origin without the handler', async () => {
    const { statusCode, body, headers } = await ask('OPTIONS', {
      origin: ORIGIN,
      'access-control-request-method': 'PUT',
      'access-control-request-headers': 'if-match',
    });
    expect([statusCode, body]).toEqual([204, '']);
    expect(headers['access-control-allow-methods']).toContain('PUT');
    expect(headers['access-control-allow-headers']).toBe('if-match');
    expect(headers['vary']).toBe('Origin, Access-Control-Request-Headers');
  });

  it.each([`${ORIGIN}:8443`, `${ORIGIN}/`, 'https://SHOP.example', 'null', ''])(
    'gives "%s" no field',
    async (origin) => {
      for (const method of ['GET', 'OPTIONS'] as const) {
        const { body, headers } = await ask(method, { origin, 'access-control-request-method': 'PUT' });
        expect([body, fieldsOf(headers)]).toEqual(['the handler', []]);
      }
    },
  );

  it('gives a request without an origin no field', async () => {
    expect(fieldsOf((await ask('GET', {})).headers)).toEqual([]);
  });
});

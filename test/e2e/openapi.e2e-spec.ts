import { RequestMethod } from '@nestjs/common';
import { METHOD_METADATA } from '@nestjs/common/constants.js';
import { ModulesContainer } from '@nestjs/core';
import { ApiClient } from '../support/api-client.js';
import { type OpenApiDocument, routesOf } from '../support/api-routes.js';
import { type AppUnderTest, startApp } from '../support/app-harness.js';
import { startTestServices, type TestServices } from '../support/services/index.js';

const SHOP_ORIGIN = 'https://shop.example';
const LIMIT = 5;
const HEALTH = ['/health', '/health/live', '/health/ready', '/health/startup'];

describe('the outside of the API', () => {
  let services: TestServices;
  let application: AppUnderTest;
  let api: ApiClient;
  let document: OpenApiDocument;

  beforeAll(async () => {
    services = await startTestServices();
    application = await startApp({
      services,
      env: { PUBLIC_ORIGINS: `${SHOP_ORIGIN},https://admin.example` },
    });
    api = new ApiClient(application.url);
    document = (await api.get('/api/v1/openapi.json')).body as unknown as OpenApiDocument;
  });

  afterAll(async () => {
    await application.close();
    await services.close();
  });

  describe('the OpenAPI document', () => {
    it('is served in version 3.1', async () => {
      const { status, headers } = await api.get('/api/v1/openapi.json');
      expect([status, headers.get('content-type')]).toEqual([200, 'application/json; charset=utf-8']);
      expect(document.openapi).toMatch(/^3\.1\./);
    });

    it('has every handler of every controller, and nothing that the router does not have', () => {
      const routes = routesOf(document);
      const fastify = application.app.getHttpAdapter().getInstance();
      for (const { method, path } of routes) {
        const url = path.replaceAll(/\{(\w+)\}/g, ':$1');
        expect([method, path, fastify.hasRoute({ method, url })]).toEqual([method, path, true]);
      }
      expect(handlersOf(application)).toBe(routes.length);
    });

    it('describes each route in a sentence and with a successful answer, under an id of its own', () => {
      const operations = Object.values(document.paths).flatMap(
        (path) => Object.values(path) as unknown as Operation[],
      );
      for (const { operationId, summary, responses } of operations) {
        expect([operationId, summary]).toEqual([operationId, expect.stringMatching(/\S/)]);
        expect([operationId, Object.keys(responses).some((status) => /^2/.test(status))]).toEqual([
          operationId,
          true,
        ]);
      }
      expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(operations.length);
    });

    it('refers only to schemas that it has', () => {
      const references = [...JSON.stringify(document).matchAll(/"#\/components\/schemas\/([^"]+)"/g)];
      expect(references.length).toBeGreaterThan(30);
      for (const [, name = ''] of references)
        expect(Object.keys(document.components.schemas)).toContain(name);
    });

    it('is browsable at /docs, with scripts that its policy allows', async () => {
      const page = await fetch(`${application.url}/docs`);
      expect([page.status, page.headers.get('content-type')]).toEqual([
        200,
        expect.stringContaining('text/html'),
      ]);
      expect(page.headers.get('content-security-policy')).toContain("script-src 'self'");
      const html = await page.text();
      const scripts = [...html.matchAll(/<script src="([^"]+)"/g)].map(([, source = '']) => source);
      expect(scripts.length).toBeGreaterThan(0);
      for (const source of scripts) expect((await fetch(new URL(source, page.url))).status).toBe(200);
    });
  });

  it.each(['/api/v1/categories', '/api/v1/orders', '/nothing', '/health/live'])(
    '%s carries the security headers',
    async (path) => {
      const { headers } = await api.get(path);
      expect(Object.fromEntries(headers)).toMatchObject({
        'content-security-policy': "default-src 'none';frame-ancestors 'none'",
        'strict-transport-security': expect.stringContaining('max-age=') as string,
        'x-content-type-options': 'nosniff',
        'x-frame-options': 'SAMEORIGIN',
        'referrer-policy': 'no-referrer',
      });
      expect(headers.get('x-powered-by')).toBeNull();
    },
  );

  it('keeps the metrics off the public port', async () => {
    expect((await api.get('/metrics')).status).toBe(404);
  });

  describe('X-Request-Id', () => {
    const idOf = async (given?: string) => {
      const { headers, body } = await api.get('/api/v1/nothing', {
        headers: given === undefined ? {} : { 'x-request-id': given },
      });
      expect(body['requestId']).toBe(headers.get('x-request-id'));
      return headers.get('x-request-id');
    };

    it('comes back as it was sent, in the header and in problems', async () => {
      expect(await idOf('a-request_42')).toBe('a-request_42');
    });

    it.each(['short', 'has spaces in it', 'x'.repeat(65), 'semi;colon;12', '<script>12'])(
      '"%s" is replaced by one of ours',
      async (given) => {
        expect(await idOf(given)).toMatch(/^[\da-f-]{18}-[\da-z]+$/);
      },
    );

    it('is made when none was sent, anew for each request', async () => {
      expect(await idOf()).not.toBe(await idOf());
    });
  });

  describe('CORS', () => {
    const preflight = (origin: string) =>
      api.request('OPTIONS', '/api/v1/orders', {
        headers: {
          origin,
          'access-control-request-method': 'POST',
          'access-control-request-headers': 'idempotency-key, content-type',
        },
      });

    it('lets a configured origin call with cookies and read what it needs', async () => {
      const { headers } = await api.get('/api/v1/categories', { headers: { origin: SHOP_ORIGIN } });
      expect(headers.get('access-control-allow-origin')).toBe(SHOP_ORIGIN);
      expect(headers.get('access-control-allow-credentials')).toBe('true');
      expect(headers.get('access-control-expose-headers')).toMatch(/ETag.*RateLimit.*X-Request-Id/);
      expect(headers.get('vary')).toMatch(/origin/i);
    });

    it('answers the preflight of a configured origin', async () => {
      const { status, headers } = await preflight(SHOP_ORIGIN);
      expect(status).toBe(204);
      expect(headers.get('access-control-allow-origin')).toBe(SHOP_ORIGIN);
      expect(headers.get('access-control-allow-methods')).toContain('POST');
      expect(headers.get('access-control-allow-headers')).toContain('idempotency-key');
    });

    it.each(['https://evil.example', `${SHOP_ORIGIN}.evil.example`, 'http://shop.example', 'null'])(
      'gives %s nothing',
      async (origin) => {
        for (const { headers } of [
          await api.get('/api/v1/categories', { headers: { origin } }),
          await preflight(origin),
        ]) {
          expect(headers.get('access-control-allow-origin')).toBeNull();
          expect(headers.get('access-control-allow-credentials')).toBeNull();
        }
      },
    );

    it('lets caches tell the origins apart, also when none was sent', async () => {
      expect((await api.get('/api/v1/categories')).headers.get('vary')).toMatch(/origin/i);
    });
  });

  describe('the rate limit', () => {
    let limited: AppUnderTest;

    beforeAll(async () => {
      limited = await startApp({
        services,
        env: {
          RATE_LIMIT_ENABLED: 'true',
          RATE_LIMIT_PER_MINUTE: String(LIMIT),
          TRUST_PROXY_HOPS: '1',
        },
      });
    });

    afterAll(() => limited.close());

    const get = (path: string, address: string) =>
      new ApiClient(limited.url).get(path, { headers: { 'x-forwarded-for': address } });

    it('denies the request that crosses it, says when to come back, and leaves other clients alone', async () => {
      for (let left = LIMIT - 1; left >= 0; left -= 1) {
        const { status, headers } = await get('/api/v1/categories', '192.0.2.1');
        expect([status, headers.get('ratelimit-policy')]).toEqual([200, `"default";q=${String(LIMIT)};w=60`]);
        expect(headers.get('ratelimit')).toMatch(new RegExp(`^"default";r=${String(left)};t=\\d+$`));
      }
      const denied = await get('/api/v1/categories', '192.0.2.1');
      expect([denied.status, denied.body['code']]).toEqual([429, 'RATE_LIMITED']);
      expect(Number(denied.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
      expect((await get('/api/v1/categories', '192.0.2.2')).status).toBe(200);
    });

    it('never applies to the health routes', async () => {
      for (const path of HEALTH) {
        for (let i = 0; i < 3 * LIMIT; i += 1) {
          const { status, headers } = await get(path, '192.0.2.3');
          expect([path, status]).not.toEqual([path, 429]);
          expect(headers.get('ratelimit')).toBeNull();
        }
      }
      expect((await get('/api/v1/categories', '192.0.2.3')).status).toBe(200);
    });
  });
});

interface Operation {
  readonly operationId: string;
  readonly summary?: string;
  readonly responses: Readonly<Record<string, unknown>>;
}

/** How many methods of controllers are bound to a route. */
function handlersOf({ app }: AppUnderTest): number {
  let count = 0;
  for (const module of app.get(ModulesContainer).values()) {
    for (const { metatype } of module.controllers.values()) {
      if (typeof metatype !== 'function') continue;
      const prototype = metatype.prototype as Record<string, unknown>;
      for (const name of Object.getOwnPropertyNames(prototype)) {
        const handler = prototype[name];
        if (typeof handler !== 'function') continue;
        const method: unknown = Reflect.getMetadata(METHOD_METADATA, handler);
        if (method !== undefined && method !== RequestMethod.OPTIONS) count += 1;
      }
    }
  }
  return count;
}

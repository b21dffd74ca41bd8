import fc from 'fast-check';
import { newId } from '../../src/common/ids.js';
import type { ApiRoute } from '../support/api-routes.js';
import { faultOf, useBadInputTrial } from '../support/bad-input-trial.js';
import { sendBytes, sendRaw } from '../support/raw-http.js';

const FUZZ_RUNS_PER_ROUTE = 60;

/** The promise: whatever is sent to whichever route, the answer is a 4xx problem with a stable code. */
describe('bad input', () => {
  const trial = useBadInputTrial();

  it('with a method that the path does not have is refused', async () => {
    const methods = [
      'GET',
      'POST',
      'PUT',
      'PATCH',
      'DELETE',
      'OPTIONS',
      'TRACE',
      'CONNECTS',
      'PROPFIND',
      'get',
    ];
    const codes = new Map([
      ['OPTIONS', 'ROUTE_NOT_FOUND'],
      ['CONNECTS', 'REQUEST_MALFORMED'],
      ['get', 'REQUEST_MALFORMED'],
    ]);
    for (const path of new Set(trial().routes.map((route) => route.path))) {
      const own = trial().routes.filter((route) => route.path === path);
      for (const method of methods) {
        if (own.some((route) => route.method === method)) continue;
        const code = codes.get(method) ?? 'METHOD_NOT_ALLOWED';
        await trial().expectRefusal(
          'wrong method',
          { method, path: trial().pathOf(own[0] as ApiRoute) },
          code,
        );
      }
    }
    const { headers } = await sendRaw(trial().application.url, { method: 'DELETE', path: '/api/v1/orders/' });
    expect(headers.get('allow')).toBe('GET, HEAD, POST');
  });

  it('in the path is refused', async () => {
    const paths = [
      '/',
      '//',
      '/api',
      '/api/v1',
      '/api/v1/nothing',
      '/api/v2/products',
      '/API/V1/PRODUCTS',
      '/.env',
      '/metrics',
      '/api/v1/../../etc/passwd',
      '/api/v1/products/../../../etc/passwd',
      '/api/v1/products/%2e%2e%2f%2e%2e%2fetc%2fpasswd',
      '/docs/../../package.json',
      '/docs/%2e%2e/%2e%2e/package.json',
      '/docs/..%2f..%2fpackage.json',
      '/docs/%00',
      '/docs/nothing.js',
      '/api/v1/products/%',
      '/api/v1/%zz',
      '/api/v1/%e0%a4%a',
      '/api/v1/products/%ff',
      '/%00',
      '/api/v1/products?a=%00',
      '/\\',
      '/api/v1/products;x=1',
      'http://elsewhere.example/api/v1/nothing',
      '*',
      `/${'x'.repeat(12_000)}`,
      `/api/v1/${'x/'.repeat(5000)}`,
    ];
    for (const path of paths) await trial().expectRefusal('path', { method: 'GET', path });
  });

  it('in the head of the request is refused', async () => {
    const heads: Record<string, string> = {
      'a URI that is too long': `GET /${'x'.repeat(20_000)} HTTP/1.1\r\nHost: x`,
      'headers that are too large': `GET /api/v1/products HTTP/1.1\r\nHost: x\r\nX-Large: ${'x'.repeat(20_000)}`,
      'too many headers': `GET /api/v1/products HTTP/1.1\r\nHost: x\r\n${'A: b\r\n'.repeat(4000)}C: d`,
      'a NUL byte in a header': 'GET /api/v1/products HTTP/1.1\r\nHost: x\r\nX-Nul: a\u0000b',
      'a NUL byte in the path': 'GET /api/v1/products/\u0000 HTTP/1.1\r\nHost: x',
      'a header without a name': 'GET /api/v1/products HTTP/1.1\r\nHost: x\r\n: y',
      'two lengths': 'POST /api/v1/orders HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2',
      'a length and chunks':
        'POST /api/v1/orders HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked',
      'a length that is no number': 'POST /api/v1/orders HTTP/1.1\r\nHost: x\r\nContent-Length: -1',
      'another protocol': 'GET /api/v1/products SPDY/3',
      'a TLS handshake': '\u0016\u0003\u0001\u0002\u0000',
    };
    for (const [what, head] of Object.entries(heads)) {
      const answer = await sendBytes(
        trial().application.url,
        Buffer.from(`${head}\r\nConnection: close\r\n\r\n`, 'latin1'),
      );
      const fault = faultOf(answer);
      if (fault !== null) trial().faults.push(`${what}: ${fault}`);
    }
  });

  it('made by chance never brings a route down', async () => {
    const seed = Number(process.env['FUZZ_SEED'] ?? Date.now() % 2 ** 31);
    process.stdout.write(`fuzz seed: ${String(seed)} (repeat with FUZZ_SEED)\n`);
    for (const route of trial().withBody()) {
      const valid = trial().validBodies[route.name] as Record<string, unknown>;
      const value = fc.oneof(
        fc.jsonValue({ maxDepth: 4 }),
        fc.string({ unit: 'binary', maxLength: 300 }),
        fc.constantFrom(-1, 0, 1e21, Number.MAX_SAFE_INTEGER, '', newId(), [], {}, [null], null, [[]], [{}]),
      );
      const body = fc.oneof(
        fc.jsonValue({ maxDepth: 5 }),
        fc.record(
          Object.fromEntries(
            Object.keys(route.bodySchema?.properties ?? {}).map((name) => [
              name,
              fc.oneof(fc.constant(valid[name] ?? null), value),
            ]),
          ),
          { requiredKeys: [] },
        ),
      );
      await fc.assert(
        fc.asyncProperty(body, async (sample) => {
          const answer = await sendRaw(
            trial().application.url,
            trial().request(route, { body: JSON.stringify(sample) }),
          );
          if (answer.status >= 300) expect(faultOf(answer)).toBeNull();
        }),
        { seed, numRuns: FUZZ_RUNS_PER_ROUTE },
      );
    }
  });
});

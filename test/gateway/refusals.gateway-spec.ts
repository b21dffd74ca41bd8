import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ERROR_CODES, type ErrorCodeName } from '../../src/common/error-codes.js';
import { type GatewayAnswer } from '../support/gateway/gateway-client.js';
import { GatewayUnderTest } from '../support/gateway/gateway-under-test.js';
import { StubUpstream } from '../support/gateway/stub-upstream.js';

const BODY_LIMIT_BYTES = 65_536;

describe('a refusal of the gateway', () => {
  let upstream: StubUpstream;
  let gateway: GatewayUnderTest;

  beforeAll(async () => {
    upstream = await StubUpstream.start();
    gateway = await GatewayUnderTest.start({ upstreams: [upstream.address] });
  });

  afterEach(() => {
    upstream.reset();
  });

  afterAll(async () => {
    await gateway.stop();
    await upstream.stop();
  });

  function expectProblem({ status, headers, body }: GatewayAnswer, code: ErrorCodeName): void {
    const { status: expected, title } = ERROR_CODES[code];
    expect([status, headers['content-type']]).toEqual([expected, 'application/problem+json; charset=utf-8']);
    expect(body).toMatchObject({
      type: `urn:caudal:error:${code}`,
      title,
      status: expected,
      code,
      requestId: headers['x-request-id'],
      traceId: expect.stringMatching(/^[0-9a-f]{32}$/) as unknown,
    });
  }

  it('has the codes, titles and statuses of the application', () => {
    const table = readFileSync(
      join(import.meta.dirname, '../../deployment/docker/nginx/conf.d/problems.conf'),
      'utf8',
    );
    const documents = [...table.matchAll(/'("type".*)';/g)].map(
      ([, members = '']) => JSON.parse(`{${members}}`) as Record<string, unknown>,
    );
    expect(documents.length).toBeGreaterThanOrEqual(10);
    for (const { type, title, status, code } of documents) {
      const known = ERROR_CODES[code as ErrorCodeName];
      expect({ type, title, status }).toEqual({
        type: `urn:caudal:error:${String(code)}`,
        title: known.title,
        status: known.status,
      });
    }
  });

  it('is a problem document for a body above the limit, and for none at it', async () => {
    const send = (bytes: number) =>
      gateway.client.send('/api/v1/orders', { method: 'POST', body: 'x'.repeat(bytes) });
    expect((await send(BODY_LIMIT_BYTES)).status).toBe(200);
    expectProblem(await send(BODY_LIMIT_BYTES + 1), 'PAYLOAD_TOO_LARGE');
    expect(upstream.seen.map(({ body }) => body.length)).toEqual([BODY_LIMIT_BYTES]);
  });

  it('is one for headers above the limit, in one line or in many', async () => {
    const many = (count: number) =>
      Object.fromEntries(
        Array.from({ length: count }, (_, index) => [`x-${String(index)}`, 'y'.repeat(990)]),
      );
    expect(
      (await gateway.client.send('/api/v1/products', { headers: { x: 'y'.repeat(15_000) } })).status,
    ).toBe(200);
    expect((await gateway.client.send('/api/v1/products', { headers: many(15) })).status).toBe(200);
    for (const headers of [{ x: 'y'.repeat(17_000) }, many(20)])
      expectProblem(await gateway.client.send('/api/v1/products', { headers }), 'HEADERS_TOO_LARGE');
    // nginx ends the whole connection of HTTP/2 (ENHANCE_YOUR_CALM).
    await expect(gateway.client.overHttp2('/api/v1/products', { x: 'y'.repeat(17_000) })).rejects.toThrow(
      'code 11',
    );
    expect(upstream.seen).toHaveLength(2);
  });

  it('is one for a line that is too long, for methods of other protocols and for what is no HTTP', async () => {
    expectProblem(await gateway.client.send(`/api/v1/${'x'.repeat(17_000)}`), 'URI_TOO_LONG');
    expectProblem(await gateway.client.send('/api/v1/products', { method: 'TRACE' }), 'METHOD_NOT_ALLOWED');
    for (const [bytes, code] of [
      ['nonsense\r\n\r\n', 'REQUEST_MALFORMED'],
      ['GET /assets/..%2f..%2fetc%2fpasswd HTTP/1.1\r\nHost: a\r\n\r\n', 'REQUEST_MALFORMED'],
      ['GET /api/v1/products HTTP/1.1\r\n\r\n', 'REQUEST_MALFORMED'],
      ['GET /api/v1/products HTTP/9.9\r\nHost: a\r\n\r\n', 'REQUEST_MALFORMED'],
      [
        'POST /api/v1/orders HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n',
        'REQUEST_MALFORMED',
      ],
      [
        'POST /api/v1/orders HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n',
        'REQUEST_MALFORMED',
      ],
    ] as const) {
      const answer = await gateway.client.sendBytes(bytes);
      expect(answer).toContain(`"code":"${code}"`);
    }
    expect(upstream.seen).toEqual([]);
  });

  it('is not put in the place of one of the application', async () => {
    const problem = '{"code":"ORDER_OUT_OF_STOCK","requestId":"theirs"}';
    for (const status of [400, 404, 409, 413, 429, 500, 502, 503, 504]) {
      upstream.answer = (_request, response) => {
        response.writeHead(status, { 'content-type': 'application/problem+json', 'retry-after': '7' });
        response.end(problem);
      };
      const answer = await gateway.client.send('/api/v1/orders');
      expect([answer.status, answer.text, answer.headers['retry-after']]).toEqual([status, problem, '7']);
    }
    // Whatever the application answers is an answer: nobody else is asked.
    expect(upstream.seen).toHaveLength(9);
  });
});

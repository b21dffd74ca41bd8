import Fastify, { type FastifyInstance } from 'fastify';
import { Problem } from '../../common/problem.js';
import { addJsonParser, isDeeperThan } from './json-parser.js';

describe('the parser of bodies', () => {
  let fastify: FastifyInstance;

  beforeEach(() => {
    fastify = Fastify();
    addJsonParser(fastify);
    fastify.setErrorHandler((error, _request, reply) =>
      reply.status(400).send(error instanceof Problem ? error.code : 'other'),
    );
    fastify.post('/', (request, reply) => reply.send({ body: request.body ?? null }));
  });

  afterEach(() => fastify.close());

  const parse = async (payload: string, type = 'application/json') => {
    const { statusCode, body } = await fastify.inject({
      method: 'POST',
      url: '/',
      headers: { 'content-type': type },
      payload,
    });
    return statusCode === 200 ? (JSON.parse(body) as { body: unknown }).body : body;
  };

  it('reads an object, with whole surrogate pairs and every other escape', async () => {
    expect(await parse('{"a":"\\ud83d\\uDE00 \\n","b":[{}]}')).toEqual({ a: '😀 \n', b: [{}] });
  });

  it('takes an empty body for none', async () => {
    expect(await parse('')).toBeNull();
  });

  it.each(['null', '1', '"text"', '[]'])('calls %s, which is no object, invalid', async (text) => {
    expect(await parse(text)).toBe('VALIDATION_FAILED');
  });

  it.each([
    '{"a":"\\u0000"}',
    '{"a":"\\ud83d"}',
    '{"a":"\\ud83dx\\ude00"}',
    '{"a":"\\ude00"}',
    `{"a":${'['.repeat(40)}${']'.repeat(40)}}`,
  ])('refuses %s', async (text) => {
    expect(await parse(text)).toBe('REQUEST_MALFORMED');
  });

  it.each(['{', '{"__proto__":{}}', '{"constructor":{"prototype":{}}}'])('refuses %s', async (text) => {
    expect(await parse(text)).toBe('other');
  });

  it('refuses every other media type', async () => {
    expect(await parse('{}', 'text/plain')).toBe('other');
  });
});

describe('isDeeperThan', () => {
  const nested = (levels: number): unknown => JSON.parse('['.repeat(levels) + ']'.repeat(levels));

  it('tells the level at which nesting goes too far, however deep it is', () => {
    expect([isDeeperThan(1, 0), isDeeperThan(nested(3), 3), isDeeperThan(nested(4), 3)]).toEqual([
      false,
      false,
      true,
    ]);
    expect(isDeeperThan(nested(1_000_000), 32)).toBe(true);
  });
});

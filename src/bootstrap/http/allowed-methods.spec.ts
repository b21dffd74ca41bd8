import Fastify, { type FastifyInstance } from 'fastify';
import { AllowedMethods } from './allowed-methods.js';

describe('the methods of a path', () => {
  let fastify: FastifyInstance;
  const ask = (method: string, url: string) =>
    fastify.inject({ method: method as 'GET', url }).then(({ statusCode, headers, body }) => ({
      status: statusCode,
      allow: headers['allow'],
      code: body.startsWith('{') ? (JSON.parse(body) as { code?: string }).code : undefined,
    }));

  beforeAll(() => {
    const allowedMethods = new AllowedMethods();
    fastify = Fastify({ routerOptions: { ignoreTrailingSlash: true } });
    allowedMethods.learnFrom(fastify);
    fastify.addHook('onRequest', (request, reply, done) => {
      if (!allowedMethods.refuse(request, reply)) done();
    });
    fastify.get('/things', () => 'list');
    fastify.post('/things', () => 'made');
    fastify.get('/things/:id', () => 'thing');
    fastify.delete('/things/special', () => 'gone');
    fastify.post('/things/:id/parts', () => 'made');
  });
  afterAll(() => fastify.close());

  it.each([
    ['DELETE', '/things', 'GET, HEAD, POST'],
    ['PUT', '/things/?x=/things/1', 'GET, HEAD, POST'],
    ['PATCH', '/things/1', 'GET, HEAD'],
    ['PATCH', '/th%69ngs/1', 'GET, HEAD'],
    ['PATCH', '/things/a%2Fb', 'GET, HEAD'],
    // Each route that the path fits says what it takes.
    ['PATCH', '/things/special', 'DELETE, GET, HEAD'],
    ['GET', '/things/1/parts', 'POST'],
  ])('are told to %s %s', async (method, url, allow) => {
    expect(await ask(method, url)).toEqual({ status: 405, allow, code: 'METHOD_NOT_ALLOWED' });
  });

  it.each([
    ['GET', '/thing'],
    ['GET', '/'],
    ['DELETE', '/things/1/parts/2'],
    ['POST', '/things/1/2/parts'],
    ['HEAD', '/things/1/parts'],
    ['OPTIONS', '/things'],
  ])('are no matter of %s %s', async (method, url) => {
    const { status, allow } = await ask(method, url);
    expect([status, allow]).toEqual([404, undefined]);
  });

  it.each([
    ['GET', '/things'],
    ['HEAD', '/things'],
    ['DELETE', '/things/special'],
  ])('let %s %s pass', async (method, url) => {
    expect((await ask(method, url)).status).toBe(200);
  });
});

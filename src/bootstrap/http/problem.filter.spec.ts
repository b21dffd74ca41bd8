import { BadRequestException, HttpException, NotFoundException } from '@nestjs/common';
import Fastify from 'fastify';
import { Problem, type ProblemOptions } from '../../common/problem.js';
import { sendProblem, toProblem } from './problem.filter.js';

const withStatus = (statusCode: number) => Object.assign(new Error('refused'), { statusCode });

describe('what is thrown on the way of a request', () => {
  it.each([
    [new Problem('CART_EMPTY'), 'CART_EMPTY'],
    [new NotFoundException(), 'ROUTE_NOT_FOUND'],
    [new BadRequestException(), 'REQUEST_MALFORMED'],
    [new HttpException('teapot', 418), 'REQUEST_MALFORMED'],
    [withStatus(413), 'PAYLOAD_TOO_LARGE'],
    [withStatus(415), 'MEDIA_TYPE_UNSUPPORTED'],
    [withStatus(405), 'METHOD_NOT_ALLOWED'],
    [withStatus(408), 'REQUEST_TIMEOUT'],
    [Object.assign(new Error('gone'), { code: 'ECONNREFUSED' }), 'DATABASE_UNAVAILABLE'],
    [new HttpException('broken', 502), 'INTERNAL_ERROR'],
    [new Error('a defect'), 'INTERNAL_ERROR'],
    [undefined, 'INTERNAL_ERROR'],
    ['a text', 'INTERNAL_ERROR'],
  ])('%p becomes %s', (error, code) => {
    expect(toProblem(error).code).toBe(code);
  });

  it('tells the client nothing of a defect', () => {
    expect(JSON.stringify(toProblem(new Error('SELECT secret')).toDocument())).not.toContain('secret');
  });
});

describe('a problem that is sent', () => {
  const send = async (code: ConstructorParameters<typeof Problem>[0], options?: ProblemOptions) => {
    const fastify = Fastify();
    fastify.get('/', (_request, reply) => {
      sendProblem(reply, new Problem(code, options), 'request-1');
    });
    try {
      return await fastify.inject('/');
    } finally {
      await fastify.close();
    }
  };

  it('is a problem document that names its request', async () => {
    const answer = await send('CART_EMPTY');
    expect([answer.statusCode, answer.headers['content-type']]).toEqual([
      409,
      'application/problem+json; charset=utf-8',
    ]);
    expect(answer.json()).toMatchObject({ code: 'CART_EMPTY', status: 409, requestId: 'request-1' });
    expect(answer.headers['retry-after']).toBeUndefined();
  });

  it('says when to come back: always with 503, otherwise when it knows, in whole seconds from 1', async () => {
    expect((await send('DATABASE_UNAVAILABLE')).headers['retry-after']).toBe('1');
    expect((await send('RATE_LIMITED', { retryAfterSeconds: 2.1 })).headers['retry-after']).toBe('3');
    expect((await send('RATE_LIMITED', { retryAfterSeconds: 0 })).headers['retry-after']).toBe('1');
  });

  it('challenges whoever is not authenticated', async () => {
    expect((await send('ACCESS_TOKEN_INVALID')).headers['www-authenticate']).toBe('Bearer realm="caudal"');
    expect((await send('PERMISSION_DENIED')).headers['www-authenticate']).toBeUndefined();
  });
});

import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ErrorCodeName } from '../../common/error-codes.js';
import { Problem } from '../../common/problem.js';
import { isDatabaseUnavailable } from '../../infrastructure/database/prisma/index.js';
import type { Logger } from '../../infrastructure/logging/index.js';
import { requestContextOf } from '../../infrastructure/tracing/index.js';

/** Clients that are told to come back later wait this long unless the problem knows better. */
const RETRY_AFTER_SECONDS = 1;

const CODE_OF_STATUS: Readonly<Record<number, ErrorCodeName>> = {
  400: 'REQUEST_MALFORMED',
  404: 'ROUTE_NOT_FOUND',
  405: 'METHOD_NOT_ALLOWED',
  408: 'REQUEST_TIMEOUT',
  413: 'PAYLOAD_TOO_LARGE',
  414: 'URI_TOO_LONG',
  415: 'MEDIA_TYPE_UNSUPPORTED',
  431: 'HEADERS_TOO_LARGE',
};

/** Turns everything that is thrown on the way of a request into a problem document. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  constructor(private readonly logger: Logger) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const reply = http.getResponse<FastifyReply>();
    if (reply.sent) return;
    this.answer(error, http.getRequest<FastifyRequest>(), reply);
  }

  /** Tells the client what was thrown, unless it has an answer already. */
  answer(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
    if (reply.sent) return;
    const problem = toProblem(error);
    if (problem.code === 'INTERNAL_ERROR') {
      this.logger.error(
        { ...requestContextOf(request), err: error },
        'a request failed in a way nobody foresaw',
      );
    } else if (problem.code === 'DATABASE_UNAVAILABLE') {
      this.logger.warn(
        { ...requestContextOf(request), reason: String(error) },
        'a request failed for want of the database',
      );
    }
    sendProblem(reply, problem, request.id);
  }
}

export function sendProblem(reply: FastifyReply, problem: Problem, requestId: string): void {
  const { retryAfterSeconds = problem.status === 503 ? RETRY_AFTER_SECONDS : undefined } = problem.options;
  if (retryAfterSeconds !== undefined)
    reply.header('Retry-After', String(Math.max(1, Math.ceil(retryAfterSeconds))));
  if (problem.status === 401) reply.header('WWW-Authenticate', 'Bearer realm="caudal"');
  const { traceId } = requestContextOf(reply.request);
  void reply
    .status(problem.status)
    .header('Content-Type', 'application/problem+json; charset=utf-8')
    .send(JSON.stringify({ ...problem.toDocument(), requestId, traceId }));
}

export function toProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (isDatabaseUnavailable(error)) return new Problem('DATABASE_UNAVAILABLE', { cause: error });
  const status = statusOf(error);
  const code = status === null ? undefined : CODE_OF_STATUS[status];
  if (code !== undefined) return new Problem(code, { cause: error });
  if (status !== null && status >= 400 && status < 500)
    return new Problem('REQUEST_MALFORMED', { cause: error });
  return new Problem('INTERNAL_ERROR', { cause: error });
}

function statusOf(error: unknown): number | null {
  if (error instanceof HttpException) return error.getStatus();
  if (
    typeof error === 'object' &&
    error !== null &&
    'statusCode' in error &&
    typeof error.statusCode === 'number'
  ) {
    return error.statusCode;
  }
  return null;
}

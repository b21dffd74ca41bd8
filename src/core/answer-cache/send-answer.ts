import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Answer, validatorHeaders } from './answer.js';
import { acceptsGzip, matchIfNoneMatch } from './conditional-request.js';

/** Sends the answer as the client can read it, or 304 when the client has it. */
export function sendAnswer(request: FastifyRequest, reply: FastifyReply, answer: Answer): void {
  const { headers } = request.raw;
  const chosen =
    answer.gzip !== null && acceptsGzip(headers['accept-encoding']) ? answer.gzip : answer.identity;
  const condition = headers['if-none-match'];
  if (condition !== undefined) {
    const other = chosen === answer.identity ? answer.gzip : answer.identity;
    const matched = matchIfNoneMatch(condition, other === null ? [chosen.etag] : [chosen.etag, other.etag]);
    if (matched !== null) {
      void reply.status(304).headers(validatorHeaders(matched)).send();
      return;
    }
  }
  void reply.headers(chosen.headers).send(chosen.payload);
}

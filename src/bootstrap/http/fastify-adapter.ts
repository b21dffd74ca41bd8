import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { FastifyError, FastifyReply } from 'fastify';
import { randomUUID } from 'node:crypto';
import { type IncomingMessage, STATUS_CODES } from 'node:http';
import { Problem } from '../../common/problem.js';
import type { AppConfig } from '../../config/index.js';

/** A client's own request id is honoured when it cannot be mistaken for anything else. */
const REQUEST_ID = /^[\w-]{8,64}$/;
const HEADER_BYTES_MAX = 16_384;
const PATH_SEGMENT_LENGTH_MAX = 200;
/** Idle keep-alive connections outlive those of common balancers (60 s), which then never meet a closed one. */
const KEEP_ALIVE_TIMEOUT_MS = 65_000;

export function createFastifyAdapter(config: AppConfig): FastifyAdapter {
  const { env } = config;
  // Settings are read through a proxy; this one is needed for every request.
  const trustedHops = env.TRUST_PROXY_HOPS;
  const newRequestId = requestIds();
  return new FastifyAdapter({
    trustProxy: trustedHops > 0 && ((_address: string, hop: number) => hop < trustedHops),
    bodyLimit: env.BODY_LIMIT_BYTES,
    requestTimeout: env.REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    connectionTimeout: 0,
    routerOptions: { maxParamLength: PATH_SEGMENT_LENGTH_MAX, ignoreTrailingSlash: true },
    http: { maxHeaderSize: HEADER_BYTES_MAX, headersTimeout: env.REQUEST_TIMEOUT_MS },
    // Requests on connections that are already open are answered while the server drains.
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    logger: false,
    // The layer for Express middleware, of which there is none.
    skipMiddie: true,
    genReqId: (request: IncomingMessage) => {
      const given = request.headers['x-request-id'];
      return typeof given === 'string' && REQUEST_ID.test(given) ? given : newRequestId();
    },
    frameworkErrors: (error: FastifyError, _request: unknown, reply: FastifyReply) => {
      const problem = new Problem(error.statusCode === 414 ? 'URI_TOO_LONG' : 'REQUEST_MALFORMED');
      void reply
        .status(problem.status)
        .header('Content-Type', 'application/problem+json; charset=utf-8')
        .send(JSON.stringify({ ...problem.toDocument(), requestId: randomUUID() }));
    },
    clientErrorHandler: (error, socket) => {
      if (!socket.writable || socket.destroyed) return;
      const problem = new Problem(
        error.code === 'HPE_HEADER_OVERFLOW'
          ? 'HEADERS_TOO_LARGE'
          : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
            ? 'REQUEST_TIMEOUT'
            : 'REQUEST_MALFORMED',
      );
      const body = JSON.stringify({ ...problem.toDocument(), requestId: randomUUID() });
      socket.end(
        `HTTP/1.1 ${String(problem.status)} ${STATUS_CODES[problem.status] ?? ''}\r\nContent-Type: application/problem+json; charset=utf-8\r\nContent-Length: ${String(Buffer.byteLength(body))}\r\nConnection: close\r\n\r\n${body}`,
      );
    },
  });
}

/** Ids that no two requests of any two processes share: a random name of the process, and a count. */
function requestIds(): () => string {
  const processName = randomUUID().slice(0, 18);
  let count = 0;
  return () => {
    count += 1;
    return `${processName}-${count.toString(36)}`;
  };
}

// HTTP to the shop on keep-alive connections: a bounded number of sockets, a deadline for every
// request, and retries only where a retry cannot have a second effect.
import { Agent, request as httpRequest } from 'node:http';
import { LOOPBACK_ADDRESS_COUNT, loopbackAddress } from '../load/buyer-address.mjs';

/** More sockets than this only move the queue from here into the server's accept backlog. */
const SOCKETS_MAX = 256;
/** An agent counts its sockets per address that they start from. */
const SOCKETS_PER_ADDRESS = process.platform === 'linux' ? SOCKETS_MAX / LOOPBACK_ADDRESS_COUNT : SOCKETS_MAX;

const ATTEMPTS_MAX = 4;
const RETRY_PAUSE_MS = 150;

/** A busy server may ask for longer; a buyer in a flash sale does not wait longer. */
const RETRY_AFTER_MS_MAX = 2_000;

/**
 * @typedef {object} AnswerBody the members the demo reads, of whatever the route answers
 * @property {string} [id]
 * @property {string} [code]
 * @property {string} [detail]
 * @property {string} [accessToken]
 * @property {{ id: string }[]} [variants]
 * @property {number} [available]
 */

/**
 * @typedef {object} ShopAnswer
 * @property {number} status 0 when no answer came
 * @property {AnswerBody} body empty when the answer has no JSON
 * @property {import('node:http').IncomingHttpHeaders} headers
 * @property {string} code the problem's code; the network error's when no answer came; '' otherwise
 */

/**
 * @typedef {object} ShopRequest
 * @property {string} method
 * @property {string} path below /api/v1
 * @property {string} [token] access token
 * @property {string} [clientAddress] sent as X-Forwarded-For
 * @property {Record<string, string>} [headers]
 * @property {unknown} [body]
 */

export class ShopClient {
  #agent = new Agent({ keepAlive: true, maxSockets: SOCKETS_PER_ADDRESS, scheduling: 'fifo' });
  #origins;
  #deadlineMs;
  #turn = 0;

  /** Requests that were sent again after an answer was lost or the server was busy. */
  retries = 0;

  /**
   * @param {string[]} origins requests take turns over them
   * @param {{ deadlineMs: number }} options deadline of one attempt, waiting for a socket included
   */
  constructor(origins, { deadlineMs }) {
    this.#origins = origins;
    this.#deadlineMs = deadlineMs;
  }

  /**
   * One attempt. Never throws: a network error or a missed deadline is an answer with status 0.
   *
   * @param {ShopRequest} request
   * @returns {Promise<ShopAnswer>}
   */
  send({ method, path, token, clientAddress, headers, body }) {
    const payload = body === undefined ? null : Buffer.from(JSON.stringify(body));
    const turn = this.#turn++;
    const origin = this.#origins[turn % this.#origins.length];
    const localAddress = loopbackAddress(Math.floor(turn / this.#origins.length), process.platform);
    return new Promise((resolve) => {
      const request = httpRequest(
        new URL(`/api/v1${path}`, origin),
        {
          method,
          agent: this.#agent,
          ...(localAddress && { localAddress }),
          signal: AbortSignal.timeout(this.#deadlineMs),
          headers: {
            accept: 'application/json',
            ...(token && { authorization: `Bearer ${token}` }),
            ...(clientAddress && { 'x-forwarded-for': clientAddress }),
            ...(payload && {
              'content-type': 'application/json',
              'content-length': String(payload.length),
            }),
            ...headers,
          },
        },
        (response) => {
          void readAnswer(response)
            .catch((/** @type {unknown} */ error) => lostAnswer(error))
            .then(resolve);
        },
      );
      request.on('error', (error) => {
        resolve(lostAnswer(error));
      });
      request.end(payload);
    });
  }

  /**
   * For requests that carry an Idempotency-Key: a lost answer, a 503 and "that key is still in
   * progress" are sent again with the very same key, so the order cannot be made twice.
   *
   * @param {ShopRequest} request
   * @returns {Promise<ShopAnswer>} the last attempt's answer
   */
  async sendIdempotent(request) {
    let answer = await this.send(request);
    for (let attempt = 1; attempt < ATTEMPTS_MAX && isWorthRepeating(answer); attempt += 1) {
      this.retries += 1;
      await pause(retryPauseMs(answer, attempt));
      answer = await this.send(request);
    }
    return answer;
  }

  close() {
    this.#agent.destroy();
  }
}

/**
 * @param {import('node:http').IncomingMessage} response
 * @returns {Promise<ShopAnswer>}
 */
async function readAnswer(response) {
  const chunks = [];
  for await (const chunk of response) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString();
  const isJson = /[/+]json\b/.test(response.headers['content-type'] ?? '');
  const body = isJson && text !== '' ? /** @type {AnswerBody} */ (JSON.parse(text)) : {};
  return {
    status: response.statusCode ?? 0,
    body,
    headers: response.headers,
    code: body.code ?? '',
  };
}

/**
 * @param {unknown} error
 * @returns {ShopAnswer}
 */
function lostAnswer(error) {
  const reason = error instanceof Error && 'code' in error ? String(error.code) : 'NO_ANSWER';
  const code = reason === 'ABORT_ERR' ? 'NO_ANSWER_IN_TIME' : reason;
  return { status: 0, body: {}, headers: {}, code };
}

/** @param {ShopAnswer} answer */
function isWorthRepeating(answer) {
  return answer.status === 0 || answer.status === 503 || answer.code === 'IDEMPOTENCY_KEY_IN_PROGRESS';
}

/**
 * @param {ShopAnswer} answer
 * @param {number} attempt
 */
function retryPauseMs(answer, attempt) {
  const askedMs = Number(answer.headers['retry-after'] ?? 0) * 1000;
  return Math.min(Math.max(askedMs || 0, RETRY_PAUSE_MS * attempt), RETRY_AFTER_MS_MAX);
}

/** @param {number} durationMs */
function pause(durationMs) {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}

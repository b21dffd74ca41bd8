// @ts-check
import { readFileSync } from 'node:fs';
import { Agent, request as sendRequest } from 'node:https';
import { parseJson } from '../../services/json-file.mjs';

/**
 * The parts of objects that the rehearsal reads; all is optional.
 *
 * @typedef {object} ApiObject
 * @property {string} [kind]
 * @property {{ name?: string, resourceVersion?: string, deletionTimestamp?: string, labels?: Record<string, string> }} [metadata]
 * @property {{ replicas?: number, nodeName?: string, containers?: { image?: string, resources?: { requests?: Record<string, string> } }[] }} [spec]
 * @property {Record<string, unknown> & { conditions?: Condition[] }} [status]
 * @property {ApiObject[]} [items]
 * @property {string} [reason]
 * @property {string} [message]
 * @property {Record<string, string>} [data]
 *
 * @typedef {{ type: string, status: string, reason?: string, message?: string }} Condition
 * @typedef {{ type: string, object: ApiObject }} Change
 */

const REQUEST_MS = 30_000;

/** Speaks to the API server as the administrator: single requests, and watches that tell every change. */
export class ApiClient {
  #server;
  #agent;
  /** @type {Set<import('node:http').ClientRequest>} */
  #watches = new Set();
  #isClosed = false;

  /** @param {import('../control-plane.mjs').ControlPlane} controlPlane */
  constructor({ server, authority, administrator }) {
    this.#server = server;
    this.#agent = new Agent({
      keepAlive: true,
      ca: readFileSync(authority.certificate),
      cert: readFileSync(administrator.certificate),
      key: readFileSync(administrator.key),
    });
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {object} [body] a patch merges
   * @returns {Promise<ApiObject>}
   */
  async send(method, path, body) {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const { status, answer } = await new Promise(
      /** @param {(value: { status: number, answer: string }) => void} resolve */
      (resolve, reject) => {
        const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
        const request = sendRequest(
          `${this.#server}${path}`,
          { method, agent: this.#agent, timeout: REQUEST_MS, headers: { 'content-type': type } },
          (response) => {
            let received = '';
            response.setEncoding('utf8').on('data', (/** @type {string} */ chunk) => (received += chunk));
            response.once('end', () => {
              resolve({ status: response.statusCode ?? 0, answer: received });
            });
            response.once('error', reject);
          },
        );
        request.on('timeout', () => request.destroy(new Error(`${method} ${path}: no answer`)));
        request.once('error', reject);
        request.end(text);
      },
    );
    if (status >= 300) throw new Error(`${method} ${path}: ${String(status)} ${answer.slice(0, 500)}`);
    return /** @type {ApiObject} */ (parseJson(answer));
  }

  /** @param {string} path */
  get(path) {
    return this.send('GET', path);
  }

  /**
   * Tells what is there (as ADDED) and then every change, in the order of the server, until `close`. A watch that
   * the server ends goes on from the last change that it told.
   *
   * @param {string} path of a collection, with its query
   * @param {(change: Change) => void} onChange
   */
  async watch(path, onChange) {
    const separator = path.includes('?') ? '&' : '?';
    const { items = [], metadata } = await this.get(path);
    for (const object of items) onChange({ type: 'ADDED', object });
    let version = metadata?.resourceVersion ?? '';
    const follow = () => {
      if (this.#isClosed) return;
      let rest = '';
      const request = sendRequest(
        `${this.#server}${path}${separator}watch=true&allowWatchBookmarks=true&resourceVersion=${version}`,
        { agent: this.#agent },
        (response) => {
          response.setEncoding('utf8').on('data', (/** @type {string} */ chunk) => {
            const lines = (rest + chunk).split('\n');
            rest = lines.pop() ?? '';
            for (const line of lines) {
              const change = /** @type {Change} */ (parseJson(line));
              version = change.object.metadata?.resourceVersion ?? version;
              if (change.type !== 'BOOKMARK') onChange(change);
            }
          });
          response.once('close', again);
        },
      );
      this.#watches.add(request);
      let isOver = false;
      const again = () => {
        if (isOver) return;
        isOver = true;
        this.#watches.delete(request);
        setTimeout(follow, 100);
      };
      request.once('error', again);
      request.end();
    };
    follow();
  }

  close() {
    this.#isClosed = true;
    for (const request of this.#watches) request.destroy();
    this.#agent.destroy();
  }
}

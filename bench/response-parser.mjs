// Just enough HTTP/1.1 to count answers: status and Content-Length, no chunked bodies. A general
// client costs several times as much, and the load generator shares its core with PostgreSQL.

const HEAD_END = '\r\n\r\n';

/** "HTTP/1.1 200": the status begins at byte 9. */
const STATUS_START = 9;

export class ResponseParser {
  /** @type {Buffer | null} an answer of which a part has arrived */
  #pending = null;
  #onResponse;

  /** @param {(status: number) => void} onResponse called for every complete answer */
  constructor(onResponse) {
    this.#onResponse = onResponse;
  }

  /** @param {Buffer} chunk */
  push(chunk) {
    let bytes = this.#pending ? Buffer.concat([this.#pending, chunk]) : chunk;
    this.#pending = null;
    while (bytes.length > 0) {
      const headEnd = bytes.indexOf(HEAD_END);
      const end = headEnd < 0 ? Infinity : headEnd + HEAD_END.length + bodyLength(bytes, headEnd);
      if (end > bytes.length) {
        this.#pending = bytes;
        return;
      }
      this.#onResponse(Number(bytes.toString('latin1', STATUS_START, STATUS_START + 3)));
      bytes = bytes.subarray(end);
    }
  }
}

/**
 * @param {Buffer} bytes
 * @param {number} headEnd
 */
function bodyLength(bytes, headEnd) {
  const head = bytes.toString('latin1', 0, headEnd);
  const match = /\r\ncontent-length: *(\d+)/i.exec(head);
  if (match) return Number(match[1]);
  if (/^HTTP\/1\.1 (204|304)/.test(head)) return 0;
  throw new Error(`The load generator needs Content-Length: ${head.slice(0, 200)}`);
}

import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';

/** One way to send an answer: its bytes and the headers that describe them, ready to be written. */
export interface Representation {
  readonly body: Buffer;
  /** What is given to the socket. */
  readonly payload: string | Buffer;
  /** Strong: two representations have the same one only if they are the same bytes. */
  readonly etag: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** A JSON answer that is serialised, hashed and compressed once and sent many times. */
export interface Answer {
  readonly identity: Representation;
  /** Null when compression does not pay. */
  readonly gzip: Representation | null;
}

/** Below one network packet's worth of body a compressed one saves nothing (RFC 9293 gives 1,460 bytes). */
const COMPRESSION_BYTES_MIN = 1024;
/** A compressed body that is hardly smaller costs the client more than it saves. */
const COMPRESSION_RATIO_MAX = 0.9;

/**
 * Node writes a short text and its head as one string, and a buffer behind its head as a gathered write,
 * which costs a tenth of a small answer's time; from some 8 KiB on there is no difference.
 */
const TEXT_BYTES_MAX = 8192;

const compress = promisify(gzip);

export async function makeAnswer(json: string): Promise<Answer> {
  const body = Buffer.from(json);
  const compressed = body.length > COMPRESSION_BYTES_MIN ? await compress(body) : null;
  return assembleAnswer(
    body,
    compressed !== null && compressed.length <= body.length * COMPRESSION_RATIO_MAX ? compressed : null,
  );
}

/** The same answer from bytes that were made before, here or in another process. */
export function assembleAnswer(body: Buffer, compressed: Buffer | null): Answer {
  const digest = createHash('sha256').update(body).digest('base64url').slice(0, 22);
  return {
    identity: represent(body, `"${digest}"`, {}, body.length <= TEXT_BYTES_MAX ? body.toString() : body),
    gzip:
      compressed === null ? null : represent(compressed, `"${digest}-gzip"`, { 'content-encoding': 'gzip' }),
  };
}

function represent(
  body: Buffer,
  etag: string,
  headers: Record<string, string>,
  payload: string | Buffer = body,
): Representation {
  return {
    body,
    payload,
    etag,
    headers: {
      ...validatorHeaders(etag),
      'content-type': 'application/json; charset=utf-8',
      'content-length': String(body.length),
      ...headers,
    },
  };
}

/**
 * Shared and private caches may keep the answer but ask before each use: prices and stock change
 * within a second, and asking costs a 304. `Origin` because the CORS fields depend on it.
 */
export function validatorHeaders(etag: string): Record<string, string> {
  return { etag, 'cache-control': 'public, no-cache', vary: 'Origin, Accept-Encoding' };
}

import { connect } from 'node:net';

export interface RawRequest {
  readonly method: string;
  /** The request target exactly as it goes over the wire. */
  readonly path: string;
  /** In this order; a name may come twice. */
  readonly headers?: readonly (readonly [name: string, value: string])[];
  readonly body?: string | Buffer;
}

export interface RawAnswer {
  readonly status: number;
  /** Lower-case names; the last value of a repeated one. */
  readonly headers: ReadonlyMap<string, string>;
  readonly text: string;
}

const DEADLINE_MS = 15_000;

/**
 * Sends bytes that fetch would refuse or repair: broken escapes, dots, bytes outside of ASCII, bodies on
 * any method. One connection for each request.
 */
export function sendRaw(baseUrl: string, request: RawRequest): Promise<RawAnswer> {
  const { method, path, headers = [], body } = request;
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  const lines = [
    `${method} ${path} HTTP/1.1`,
    'Host: shop.example',
    'Connection: close',
    ...headers.map(([name, value]) => `${name}: ${value}`),
    ...(bytes === undefined ? [] : [`Content-Length: ${String(bytes.length)}`]),
  ];
  const head = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
  return sendBytes(baseUrl, bytes === undefined ? head : Buffer.concat([head, bytes]));
}

/** Writes what it is given and reads one answer, until the server ends the connection. */
export function sendBytes(baseUrl: string, bytes: Buffer): Promise<RawAnswer> {
  const { hostname, port } = new URL(baseUrl);
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = connect(Number(port), hostname);
    socket.setTimeout(DEADLINE_MS, () => socket.destroy(new Error('the server did not answer')));
    socket.on('data', (chunk) => chunks.push(chunk));
    let failure: Error | undefined;
    // A server that refuses a large body answers and hangs up while it is still being sent.
    socket.on('error', (error) => (failure = error));
    socket.on('close', () => {
      const answer = parseAnswer(Buffer.concat(chunks));
      if (answer === null) reject(failure ?? new Error('the connection ended without an answer'));
      else resolve(answer);
    });
    socket.write(bytes);
  });
}

function parseAnswer(bytes: Buffer): RawAnswer | null {
  const end = bytes.indexOf('\r\n\r\n');
  const [statusLine = '', ...lines] = bytes.subarray(0, Math.max(0, end)).toString('latin1').split('\r\n');
  const status = /^HTTP\/1\.1 (\d{3})/.exec(statusLine)?.[1];
  if (status === undefined) return null;
  const headers = new Map(
    lines.map((line): [string, string] => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
  return { status: Number(status), headers, text: bytes.subarray(end + 4).toString() };
}

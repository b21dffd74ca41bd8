import { once } from 'node:events';
import { connect as connectHttp2, type IncomingHttpHeaders as Http2Headers } from 'node:http2';
import { type IncomingMessage } from 'node:http';
import { request, type RequestOptions } from 'node:https';
import { checkServerIdentity, connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls';

export interface GatewayAnswer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly bytes: Buffer;
  readonly text: string;
  /** Of a JSON document; undefined when it is none. */
  readonly body: unknown;
}

export interface GatewayRequest {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  /** Anything but text and bytes is sent as JSON. */
  readonly body?: unknown;
  /** Another address of the loopback network: another client. */
  readonly from?: string;
}

const DEADLINE_MS = 30_000;

/** One connection for each request; certificates are verified. */
export class GatewayClient {
  constructor(
    private readonly port: number,
    private readonly ca: string,
  ) {}

  get origin(): string {
    return `https://127.0.0.1:${String(this.port)}`;
  }

  send(path: string, options: GatewayRequest = {}): Promise<GatewayAnswer> {
    const { method = 'GET', headers = {}, body, from } = options;
    const bytes =
      body === undefined || typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
    return new Promise((resolve, reject) => {
      const sent = request(
        {
          ...this.target,
          path,
          method,
          localAddress: from,
          timeout: DEADLINE_MS,
          headers: {
            ...(bytes === undefined
              ? {}
              : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(bytes) }),
            ...headers,
          },
        },
        (response) => {
          readAnswer(response).then(resolve, reject);
        },
      );
      sent.on('timeout', () => sent.destroy(new Error('the gateway did not answer')));
      sent.on('error', reject);
      sent.end(bytes);
    });
  }

  /** Asks to switch to WebSocket; the socket behind it, once the server has agreed. */
  async upgrade(path: string, protocol = 'websocket'): Promise<TLSSocket> {
    const sent = request({
      ...this.target,
      path,
      headers: { connection: 'Upgrade', upgrade: protocol, 'sec-websocket-version': '13' },
    });
    sent.end();
    return new Promise((resolve, reject) => {
      sent.on('upgrade', (_response, socket) => {
        resolve(socket as TLSSocket);
      });
      sent.on('response', (response) => {
        response.resume();
        reject(new Error(`no upgrade: ${String(response.statusCode)}`));
      });
      sent.on('error', reject);
    });
  }

  async overHttp2(path: string, headers: Record<string, string> = {}): Promise<Http2Headers> {
    const session = connectHttp2(this.origin, { ca: this.ca });
    // Its streams tell.
    session.on('error', () => undefined);
    try {
      const stream = session.request({ ':path': path, ...headers });
      const [answer] = (await once(stream, 'response')) as [Http2Headers];
      stream.resume();
      await once(stream, 'close');
      return answer;
    } finally {
      session.destroy();
    }
  }

  /** A connection over which bytes are sent as they are. */
  async connect(options: ConnectionOptions = {}): Promise<TLSSocket> {
    const socket = connectTls({ host: '127.0.0.1', port: this.port, ca: this.ca, ...options });
    await once(socket, 'secureConnect');
    return socket;
  }

  /** Writes and reads until the server closes. */
  async sendBytes(bytes: string | Buffer): Promise<string> {
    const socket = await this.connect();
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    // A server that refuses may hang up while it is still being written to.
    socket.on('error', () => undefined);
    socket.write(bytes);
    await new Promise((resolve) => socket.once('close', resolve));
    return Buffer.concat(chunks).toString();
  }

  private get target(): RequestOptions {
    return {
      host: '127.0.0.1',
      port: this.port,
      ca: this.ca,
      agent: false,
      // Also when the request names another host.
      checkServerIdentity: (_host, certificate) => checkServerIdentity('127.0.0.1', certificate),
    };
  }
}

async function readAnswer(response: IncomingMessage): Promise<GatewayAnswer> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const bytes = Buffer.concat(chunks);
  const text = bytes.toString();
  const isJson = response.headers['content-type']?.includes('json') === true;
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    bytes,
    text,
    body:
      isJson && response.headers['content-encoding'] === undefined
        ? (JSON.parse(text) as unknown)
        : undefined,
  };
}

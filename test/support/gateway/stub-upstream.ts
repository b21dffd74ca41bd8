import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

export interface SeenRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export type StubAnswer = (request: SeenRequest, response: ServerResponse) => void;

const ANSWER_OK: StubAnswer = (_request, response) => {
  response.setHeader('content-type', 'application/json');
  response.end('{"ok":true}');
};

/** Stands where a process of the application stands, and notes what it is sent. */
export class StubUpstream {
  readonly seen: SeenRequest[] = [];
  answer: StubAnswer = ANSWER_OK;

  private readonly sockets = new Set<Socket>();

  private constructor(private readonly server: Server) {
    server.on('connection', (socket: Socket) => {
      this.sockets.add(socket);
      socket.once('close', () => this.sockets.delete(socket));
    });
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      void this.take(request, response);
    });
    server.on('upgrade', (request: IncomingMessage, socket) => {
      this.note(request, '');
      socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n');
      socket.on('data', (chunk) => socket.write(chunk));
      socket.on('error', () => undefined);
    });
  }

  static async start(): Promise<StubUpstream> {
    const server = createServer({ maxHeaderSize: 65_536 });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new StubUpstream(server);
  }

  get address(): string {
    return `127.0.0.1:${String((this.server.address() as AddressInfo).port)}`;
  }

  /** Forgets what it has seen and answers as at first. */
  reset(): void {
    this.seen.length = 0;
    this.answer = ANSWER_OK;
  }

  /** From now on nobody listens there. */
  async stop(): Promise<void> {
    const closed = once(this.server, 'close');
    this.server.close();
    for (const socket of this.sockets) socket.destroy();
    await closed;
  }

  private async take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    this.answer(this.note(request, Buffer.concat(chunks).toString()), response);
  }

  private note({ method = '', url = '', headers }: IncomingMessage, body: string): SeenRequest {
    const seen = { method, url, headers, body };
    this.seen.push(seen);
    return seen;
  }
}

/** Takes the request and ends without a word, as a process that is killed. */
export const hangUp: StubAnswer = (_request, response) => {
  response.socket?.destroy();
};

import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

type Fault =
  | { readonly kind: 'none' }
  | { readonly kind: 'cut' }
  /** Bytes arrive this much later, in their order. */
  | { readonly kind: 'delay'; readonly ms: number }
  /** Nothing arrives, either way, and nothing is closed: a half-open connection, a partition. */
  | { readonly kind: 'frozen' }
  /** Requests arrive, their replies never do. */
  | { readonly kind: 'replies-dropped' }
  /** Requests arrive; the first reply closes the connection instead of arriving. */
  | { readonly kind: 'replies-cut' };

type Direction = 'request' | 'reply';

interface Link {
  readonly client: Socket;
  readonly server: Socket;
  /** What a partition holds back, as the retransmissions of a real network do. */
  readonly held: { readonly to: Socket; readonly bytes: Buffer }[];
  hasLost: boolean;
}

/** Stands between a client and a server of the loopback interface, and breaks what passes in many ways. */
export class TcpProxy {
  private readonly links = new Set<Link>();
  private fault: Fault = { kind: 'none' };

  private constructor(
    private readonly listener: Server,
    private readonly targetPort: number,
  ) {}

  static async start(targetPort: number): Promise<TcpProxy> {
    const server = createServer();
    const proxy = new TcpProxy(server, targetPort);
    server.on('connection', (socket) => {
      proxy.accept(socket);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return proxy;
  }

  get port(): number {
    return (this.listener.address() as AddressInfo).port;
  }

  get connectionCount(): number {
    return this.links.size;
  }

  /** Ends every connection, and each new one, until {@link restore}. */
  cut(): void {
    this.fault = { kind: 'cut' };
    for (const link of this.links) this.destroy(link);
  }

  /** Makes both directions slower, until {@link restore}. */
  delay(ms: number): void {
    this.fault = { kind: 'delay', ms };
  }

  /** Holds back all bytes, also those of new connections, until {@link restore}, which delivers them. */
  freeze(): void {
    this.fault = { kind: 'frozen' };
  }

  /** Lets requests through and loses the replies; {@link restore} closes the connections that lost some. */
  dropReplies(): void {
    this.fault = { kind: 'replies-dropped' };
  }

  /** Lets requests through; a connection is closed when a reply comes, until {@link restore}. */
  cutReplies(): void {
    this.fault = { kind: 'replies-cut' };
  }

  restore(): void {
    this.fault = { kind: 'none' };
    for (const link of this.links) {
      if (link.hasLost) this.destroy(link);
      for (const { to, bytes } of link.held.splice(0)) to.write(bytes);
    }
  }

  close(): void {
    this.cut();
    this.listener.close();
  }

  private accept(client: Socket): void {
    if (this.fault.kind === 'cut') {
      client.destroy();
      return;
    }
    const link: Link = {
      client,
      server: connect(this.targetPort, '127.0.0.1'),
      held: [],
      hasLost: false,
    };
    this.links.add(link);
    for (const [from, to, direction] of [
      [client, link.server, 'request'],
      [link.server, client, 'reply'],
    ] as const) {
      from.on('error', () => undefined);
      from.once('close', () => {
        this.destroy(link);
      });
      from.on('data', (bytes: Buffer) => {
        this.pass(link, to, bytes, direction);
      });
    }
  }

  private pass(link: Link, to: Socket, bytes: Buffer, direction: Direction): void {
    const { fault } = this;
    switch (fault.kind) {
      case 'none':
        to.write(bytes);
        return;
      case 'delay':
        void sleep(fault.ms).then(() => to.writable && to.write(bytes));
        return;
      case 'frozen':
        link.held.push({ to, bytes });
        return;
      case 'replies-dropped':
        if (direction === 'request') to.write(bytes);
        else link.hasLost = true;
        return;
      case 'replies-cut':
        if (direction === 'request') to.write(bytes);
        else this.destroy(link);
        return;
      case 'cut':
        return;
    }
  }

  private destroy(link: Link): void {
    this.links.delete(link);
    link.client.destroy();
    link.server.destroy();
  }
}

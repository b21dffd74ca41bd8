import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** An event as the protocol has it, as far as tests ask for it. */
export interface ReportedEvent {
  readonly event_id: string;
  readonly timestamp: number;
  readonly level: string;
  readonly environment?: string;
  readonly release?: string;
  readonly logentry: { readonly message: string };
  readonly tags: Readonly<Record<string, string>>;
  readonly contexts?: { readonly trace?: { readonly trace_id: string } };
  readonly exception: {
    readonly values: readonly {
      readonly type: string;
      readonly value: string;
      readonly stacktrace?: { readonly frames: readonly { readonly filename?: string }[] };
    }[];
  };
}

/** What Sentry takes events with: envelopes, posted to a project of one key. */
export class SentryIngest {
  readonly events: ReportedEvent[] = [];
  /** As they came. */
  readonly bodies: string[] = [];
  readonly headers: IncomingHttpHeaders[] = [];
  /** Answers of another kind, or none at all. */
  answer: (response: ServerResponse) => void = (response) => {
    response.writeHead(200, { 'Content-Type': 'application/json' }).end('{}');
  };

  private constructor(private readonly server: Server) {}

  static async start(): Promise<SentryIngest> {
    const server = createServer();
    const ingest = new SentryIngest(server);
    server.on('request', (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const url = new URL(request.url ?? '', 'http://ingest');
        if (url.pathname !== '/api/42/envelope/' || url.searchParams.get('sentry_key') !== 'publickey') {
          response.writeHead(403).end();
          return;
        }
        ingest.headers.push(request.headers);
        ingest.take(Buffer.concat(chunks).toString());
        ingest.answer(response);
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return ingest;
  }

  get dsn(): string {
    return `http://publickey@127.0.0.1:${String((this.server.address() as AddressInfo).port)}/42`;
  }

  /** Of the log line with this text. */
  of(message: string): ReportedEvent[] {
    return this.events.filter(({ logentry }) => logentry.message === message);
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }

  /** Lines of JSON: the envelope's header, then a header and a payload for each item. */
  private take(body: string): void {
    this.bodies.push(body);
    const [envelope, ...items] = body.trimEnd().split('\n');
    const { event_id: id, sent_at: sentAt } = JSON.parse(envelope ?? '') as Record<string, string>;
    for (let at = 0; at < items.length; at += 2) {
      const { type } = JSON.parse(items[at] ?? '') as { type: string };
      const event = JSON.parse(items[at + 1] ?? '') as ReportedEvent;
      if (type !== 'event' || event.event_id !== id || !Number.isFinite(Date.parse(sentAt ?? '')))
        throw new Error(`not the envelope of an event: ${body}`);
      this.events.push(event);
    }
  }
}

import { Agent, type IncomingMessage, request as httpRequest } from 'node:http';

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly closes: boolean;
}

/** One client of a balancer: a single keep-alive connection, and another process to turn to. */
export class KeepAliveClient {
  private agent = new Agent({ keepAlive: true, maxSockets: 1 });

  constructor(private readonly targets: string[]) {}

  /**
   * Goes to the next process when it was told to close its connection, or when a new one is refused;
   * whatever else happens to a request has failed it.
   */
  async send(method: string, path: string, headers: Record<string, string>, body?: string): Promise<Answer> {
    for (;;) {
      try {
        const answer = await this.attempt(method, path, headers, body);
        if (answer.closes) this.turn();
        return answer;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ECONNREFUSED' || this.targets.length < 2) throw error;
        this.turn();
      }
    }
  }

  close(): void {
    this.agent.destroy();
  }

  private turn(): void {
    if (this.targets.length > 1) this.targets.shift();
    this.agent.destroy();
    this.agent = new Agent({ keepAlive: true, maxSockets: 1 });
  }

  private attempt(
    method: string,
    path: string,
    headers: Record<string, string>,
    body?: string,
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const url = new URL(path, this.targets[0]);
      const request = httpRequest(
        url,
        { method, headers, agent: this.agent },
        (response: IncomingMessage) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.once('error', reject);
          response.once('end', () => {
            resolve({
              status: response.statusCode ?? 0,
              text: Buffer.concat(chunks).toString(),
              closes: response.headers.connection === 'close',
            });
          });
        },
      );
      request.once('error', reject);
      request.end(body);
    });
  }
}

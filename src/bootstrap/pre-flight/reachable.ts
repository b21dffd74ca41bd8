import { connect } from 'node:net';

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Null when the address takes a connection in time; otherwise one line without any secret. */
export function whyUnreachable({ host, port }: Address, timeoutMs: number): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const settle = (reason: string | null) => {
      socket.destroy();
      resolve(reason === null ? null : `${host}:${String(port)} ${reason}`);
    };
    socket
      .setTimeout(timeoutMs, () => {
        settle('does not answer');
      })
      .once('connect', () => {
        settle(null);
      })
      .once('error', (error: NodeJS.ErrnoException) => {
        settle(error.code ?? error.message);
      });
  });
}

import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { TLSSocket } from 'node:tls';

const CHANNEL = 'net.client.socket';
const ignore = () => undefined;

/**
 * A TLS socket may say `error` twice: one that is ended while it shakes hands with a server that is not to be
 * trusted says it of the certificate, and again of the alert with which the server answers the early end
 * (Node 24; nodejs/node#61714 is of its kind). The library listens once to each, also where no caller reaches them (nodes of a
 * cluster, sentinels), and an `error` that nobody listens to ends the process. From the first call on every TLS
 * socket of this thread has a listener more; its owner is told all that it was told before.
 */
export function outliveSecondErrors(): void {
  // There is one listener, however often this is called.
  unsubscribe(CHANNEL, listen);
  subscribe(CHANNEL, listen);
}

function listen(message: unknown): void {
  const { socket } = message as { socket: unknown };
  if (socket instanceof TLSSocket) socket.on('error', ignore);
}

import type { Redis } from 'ioredis';

type Stream = Redis['stream'];

/**
 * To be called before a command is sent: what is sent over the connection in this turn of the event loop leaves
 * together at its end, in one call of the system. That call costs more than all else about a small command, and the
 * server is woken once. Nothing else changes: the same bytes in the same order, and a reply could not be read before
 * the end of the turn.
 *
 * @param stream none before the first connection
 * @param onSent called when it has left, which may be long after the call when the turn is long
 */
export function gatherWrites(stream: Stream | undefined, onSent: () => void = noop): void {
  if (stream === undefined || stream.writableCorked > 0) return;
  stream.cork();
  process.nextTick(send, stream, onSent);
}

const noop = () => undefined;

function send(stream: Stream, onSent: () => void): void {
  stream.uncork();
  onSent();
}

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
 * @returns whether the command is one of those
 */
export function gatherWrites(stream: Stream | undefined, onSent: () => void = noop): boolean {
  if (stream === undefined) return false;
  if (stream.writableCorked === 0) {
    stream.cork();
    process.nextTick(send, stream, onSent);
  }
  return true;
}

const noop = () => undefined;

function send(stream: Stream, onSent: () => void): void {
  stream.uncork();
  onSent();
}

import type { Redis } from 'ioredis';

/**
 * To be called before a command is sent: what is sent over the connection in this turn of the event loop leaves
 * together at its end, in one call of the system. That call costs more than all else about a small command, and the
 * server is woken once. Nothing else changes: the same bytes in the same order, and a reply could not be read before
 * the end of the turn.
 */
export function gatherWrites({ stream }: { readonly stream?: Redis['stream'] }): void {
  // None before the first connection.
  if (stream === undefined || stream.writableCorked > 0) return;
  stream.cork();
  process.nextTick(uncork, stream);
}

function uncork(stream: Redis['stream']): void {
  stream.uncork();
}

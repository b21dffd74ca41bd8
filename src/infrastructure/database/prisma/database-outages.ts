/**
 * Why the pools themselves gave a caller up; the client gets DATABASE_UNAVAILABLE and may retry. None has a
 * stack: thousands a second may be refused while the writer is gone.
 */
export abstract class DatabaseOutageError extends Error {
  constructor(message: string) {
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    super(message);
    Error.stackTraceLimit = stackTraceLimit;
    this.name = new.target.name;
  }
}

/** Nothing was sent: too many wait already, or the wait took too long. Says nothing of the node. */
export class PoolSaturatedError extends DatabaseOutageError {}

/** Nothing was sent: no node is known at present that may be written to. */
export class WriterLostError extends DatabaseOutageError {
  /** @param reason why the last one was given up, in the words of the driver. */
  constructor(reason: string) {
    super(`no writer is known at present (${reason})`);
  }
}

/** The node is not the one to write to: it is in recovery, or on an older timeline than the writer. */
export class NotWriterError extends DatabaseOutageError {}

/** The node did not answer a look in time. */
export class NodeSilentError extends DatabaseOutageError {
  constructor() {
    super('the node did not answer in time');
  }
}

/** The node is not in recovery any more: whatever it has now diverges from what we follow. */
export class NotInRecoveryError extends DatabaseOutageError {
  constructor() {
    super('the replica is not in recovery');
  }
}

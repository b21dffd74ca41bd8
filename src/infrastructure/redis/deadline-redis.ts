import { type Command, Redis, type RedisOptions } from 'ioredis';
import { CommandDeadlines } from './command-deadlines.js';
import { gatherWrites } from './gathered-writes.js';
import type { RedisTraffic } from './redis-traffic.js';

type Stream = Parameters<Redis['sendCommand']>[1];

export type DeadlineRedisOptions = RedisOptions & { replyMapping?: 'legacy' };

/** A client of one server whose every command settles within a deadline, unless its reply is there. */
export class DeadlineRedis extends Redis {
  /** Its owner has no more use for it. */
  isClosed = false;
  private readonly deadlines: CommandDeadlines;
  private readonly onSent = () => {
    this.deadlines.sent();
  };

  constructor(options: DeadlineRedisOptions, deadlineMs: number, traffic: RedisTraffic) {
    super(options);
    this.deadlines = new CommandDeadlines(
      deadlineMs,
      traffic,
      () => this.commandQueue,
      () => {
        // Half open, or hung: a new connection finds out, and commands fail at once meanwhile.
        if (this.status === 'ready') this.disconnect(true);
      },
    );
  }

  override disconnect(reconnect = false): void {
    if (!reconnect) this.isClosed = true;
    super.disconnect(reconnect);
  }

  override sendCommand(command: Command, stream?: Stream): unknown {
    if (!this.deadlines.isGathering) gatherWrites(this.stream, this.onSent);
    const reply = super.sendCommand(command, stream);
    // Without a connection it has failed at once.
    if (!command.isSettled) this.deadlines.watch(command);
    return reply;
  }
}

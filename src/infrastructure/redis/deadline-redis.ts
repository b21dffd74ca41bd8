import { type Command, Redis, type RedisOptions } from 'ioredis';

type Stream = Parameters<Redis['sendCommand']>[1];

export type DeadlineRedisOptions = RedisOptions & { replyMapping?: 'legacy' };

/**
 * A client whose every command settles within a deadline, unless its reply is there.
 *
 * The library's own `commandTimeout` fails commands whose reply already waits in the socket when the
 * event loop was late, because timers run before sockets are read. Here a deadline that has passed lets
 * the loop read once more before it counts: only a silent server misses it.
 */
export class DeadlineRedis extends Redis {
  constructor(
    url: string,
    options: DeadlineRedisOptions,
    private readonly deadlineMs: number,
  ) {
    super(url, options);
  }

  override sendCommand(command: Command, stream?: Stream): unknown {
    const timer = setTimeout(() => {
      setImmediate(() => {
        command.reject(new Error('Command timed out'));
      });
    }, this.deadlineMs);
    const settle = () => {
      clearTimeout(timer);
    };
    command.promise.then(settle, settle);
    return super.sendCommand(command, stream);
  }
}

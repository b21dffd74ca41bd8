import type { RedisService } from '../../infrastructure/redis/index.js';
import { type WindowReply, windowTake } from './window-script.js';

interface Waiting {
  readonly keys: readonly string[];
  readonly args: readonly (string | Buffer)[];
  readonly resolve: (replies: WindowReply[]) => void;
  readonly reject: (error: unknown) => void;
}

/** So many go out at once: the server works on them while this process makes the next ones. */
const WRITE_COMMANDS_MAX = 16;

/**
 * Runs the script of the windows. What is asked in one turn of the event loop goes out in one write, which is
 * most of what a command costs this process. In a cluster each command goes to the node of its slot by itself.
 */
export class WindowCommands {
  private waiting: Waiting[] = [];

  constructor(private readonly redis: RedisService) {}

  /** @throws what Redis throws. */
  run(keys: readonly string[], args: readonly (string | Buffer)[]): Promise<WindowReply[]> {
    const client = this.redis.client('rateLimit');
    if (client.isCluster) return windowTake.run(client, keys, args);
    return new Promise((resolve, reject) => {
      this.waiting.push({ keys, args, resolve, reject });
      if (this.waiting.length === 1)
        setImmediate(() => {
          this.flush();
        });
      else if (this.waiting.length >= WRITE_COMMANDS_MAX) this.flush();
    });
  }

  private flush(): void {
    const calls = this.waiting;
    if (calls.length === 0) return;
    this.waiting = [];
    windowTake.runAll(this.redis.client('rateLimit'), calls).then(
      (results) => {
        for (const [index, { resolve, reject }] of calls.entries()) {
          const result = results[index];
          if (Array.isArray(result)) resolve(result);
          else reject(result ?? new Error('a command of the windows has no reply'));
        }
      },
      (error: unknown) => {
        for (const { reject } of calls) reject(error);
      },
    );
  }
}

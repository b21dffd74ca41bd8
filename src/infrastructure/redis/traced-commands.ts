import type { Command } from 'ioredis';
import type { Tracing } from '../tracing/index.js';
import type { RedisClient } from './redis-role.js';

/** Gives every command that is sent on behalf of a traced request or job a span. Names no key and no value. */
export function traceCommands(client: RedisClient, role: string, tracing: Tracing): void {
  const send = client.sendCommand.bind(client) as (command: Command, ...rest: unknown[]) => unknown;
  client.sendCommand = ((command: Command, ...rest: unknown[]): unknown => {
    const span = tracing.startChild(command.name, 'client', {
      'db.system.name': 'redis',
      'db.operation.name': command.name,
      'caudal.redis_role': role,
    });
    if (span !== null)
      command.promise.then(
        () => {
          span.end();
        },
        (error: unknown) => {
          span.end(error);
        },
      );
    return send(command, ...rest);
  }) as typeof client.sendCommand;
}

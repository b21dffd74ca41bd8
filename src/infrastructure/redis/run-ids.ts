import { Cluster, Command, type Redis } from 'ioredis';
import { isRedisForbidden } from './redis-errors.js';
import type { RedisClient } from './redis-role.js';

const RETRY_MS = 200;

/**
 * The run ids of the server processes behind the present connections. A restarted server, or another
 * one after a failover, has another run id.
 */
export class RunIds {
  private readonly known = new WeakMap<Redis, string>();

  follow(client: RedisClient): void {
    if (client instanceof Cluster) {
      client.on('+node', (node: Redis) => {
        this.followServer(node);
      });
    } else this.followServer(client);
  }

  /** Null while there is no connection; in a cluster that of the master which serves the slot of the key. */
  of(client: RedisClient, key: string): string | null {
    const server = client instanceof Cluster ? masterOf(client, key) : client;
    return server?.status === 'ready' ? (this.known.get(server) ?? null) : null;
  }

  private followServer(server: Redis): void {
    server.on('close', () => this.known.delete(server));
    server.on('ready', () => void this.learn(server));
  }

  private async learn(server: Redis): Promise<void> {
    try {
      const runId = /^run_id:(\w+)/m.exec(await server.info('server'))?.[1];
      if (runId !== undefined && server.status === 'ready') this.known.set(server, runId);
    } catch (error) {
      // It stays forbidden for as long as the connection lives; the check of the settings says so.
      if (isRedisForbidden(error)) return;
      // The connection is gone, and the next one is asked when it is ready, or the server is slow.
      setTimeout(() => {
        if (server.status === 'ready') void this.learn(server);
      }, RETRY_MS).unref();
    }
  }
}

function masterOf(cluster: Cluster, key: string): Redis | undefined {
  const address = cluster.slots[new Command('get', [key]).getSlot()]?.[0];
  return cluster
    .nodes('master')
    .find(({ options: { host, port } }) => `${String(host)}:${String(port)}` === address);
}

import { Cluster, type Redis } from 'ioredis';
import type { RedisClient } from './redis-role.js';

/** What the roles that live on a server need of it. */
export interface SettingsNeeded {
  /** False only for a server that holds nothing but cache. */
  readonly noEviction: boolean;
  readonly persistence: boolean;
}

/** Settings of a Redis that would lose data; the message has one line for each. */
export class UnsafeRedisError extends Error {
  constructor(readonly problems: readonly string[]) {
    super(problems.join('\n'));
    this.name = 'UnsafeRedisError';
  }
}

/**
 * What is dangerous in the settings of the server, or of the masters of the cluster, and how to mend it;
 * empty when nothing is. Read by INFO, because CONFIG is forbidden on many managed servers; CONFIG is
 * only asked where INFO cannot tell.
 *
 * @throws when a server does not answer.
 */
export async function findUnsafeSettings(client: RedisClient, needed: SettingsNeeded): Promise<string[]> {
  const servers = client instanceof Cluster ? client.nodes('master') : [client];
  const found = await Promise.all(servers.map((server) => findOnServer(server, needed)));
  return [...new Set(found.flat())];
}

async function findOnServer(server: Redis, needed: SettingsNeeded): Promise<string[]> {
  const found: string[] = [];
  if (needed.noEviction) {
    const policy = field(await server.info('memory'), 'maxmemory_policy') ?? 'noeviction';
    if (policy !== 'noeviction')
      found.push(`maxmemory-policy is ${policy}, which deletes keys that are in use; set it to noeviction`);
  }
  if (needed.persistence && !(await isPersistent(server)))
    found.push(
      'neither an append-only file nor snapshots are on, so that a restart loses everything; set appendonly to yes',
    );
  return found;
}

async function isPersistent(server: Redis): Promise<boolean> {
  const info = await server.info('persistence');
  if (field(info, 'aof_enabled') === '1') return true;
  const [, save = '']: string[] = await server.config('GET', 'save').then(
    (reply) => reply,
    // Forbidden: that there has been a snapshot is all that INFO tells.
    () => ['save', Number(field(info, 'rdb_last_bgsave_time_sec') ?? -1) >= 0 ? 'yes' : ''],
  );
  return save !== '';
}

function field(info: string, name: string): string | undefined {
  return new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1];
}

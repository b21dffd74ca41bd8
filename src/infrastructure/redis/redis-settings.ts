import { Cluster, type Redis } from 'ioredis';
import { isRedisForbidden } from './redis-errors.js';
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

/** What was found out about the servers of a role. */
export interface SettingsFound {
  /** What is dangerous, and how to mend it. */
  readonly unsafe: readonly string[];
  /** What nobody knows, because the user of the application may not ask. */
  readonly unknown: readonly string[];
}

const PERSISTENCE =
  'neither an append-only file nor snapshots are on, so that a restart loses everything; set appendonly to yes';

/**
 * What is dangerous in the settings of the server, or of the masters of the cluster, and what could not be
 * found out; both empty when all is well. Read by INFO, because CONFIG is forbidden on many managed servers;
 * CONFIG is only asked where INFO cannot tell, which is whether snapshots are on that nobody has taken yet.
 *
 * @throws when a server does not answer.
 */
export async function findSettings(client: RedisClient, needed: SettingsNeeded): Promise<SettingsFound> {
  const servers = client instanceof Cluster ? client.nodes('master') : [client];
  const found = await Promise.all(servers.map((server) => findOnServer(server, needed)));
  return {
    unsafe: [...new Set(found.flatMap(({ unsafe }) => unsafe))],
    unknown: [...new Set(found.flatMap(({ unknown }) => unknown))],
  };
}

async function findOnServer(server: Redis, needed: SettingsNeeded): Promise<SettingsFound> {
  const unsafe: string[] = [];
  const unknown: string[] = [];
  try {
    if (needed.noEviction) {
      const policy = field(await server.info('memory'), 'maxmemory_policy') ?? 'noeviction';
      if (policy !== 'noeviction')
        unsafe.push(
          `maxmemory-policy is ${policy}, which deletes keys that are in use; set it to noeviction`,
        );
    }
    if (needed.persistence) {
      const isPersistent = await findPersistence(server);
      if (isPersistent === null)
        unknown.push(
          'CONFIG is forbidden, and there is neither an append-only file nor a snapshot yet: make sure that one of them is on',
        );
      else if (!isPersistent) unsafe.push(PERSISTENCE);
    }
  } catch (error) {
    if (!isRedisForbidden(error)) throw error;
    unknown.push(
      'INFO is forbidden, so that nobody knows whether the server evicts or forgets; allow it to the user (+info)',
    );
  }
  return { unsafe, unknown };
}

/** Null when nobody may know. */
async function findPersistence(server: Redis): Promise<boolean | null> {
  const info = await server.info('persistence');
  if (field(info, 'aof_enabled') === '1') return true;
  try {
    const [, save = '']: string[] = await server.config('GET', 'save');
    return save !== '';
  } catch (error) {
    if (!isRedisForbidden(error)) throw error;
    // That there has been a snapshot is all that INFO tells.
    return Number(field(info, 'rdb_last_bgsave_time_sec') ?? -1) >= 0 ? true : null;
  }
}

function field(info: string, name: string): string | undefined {
  return new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1];
}

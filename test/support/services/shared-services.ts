import type { RedisServer } from '../../../scripts/services/redis-server.mjs';

/** What the global setup started for the whole jest run. */
export interface SharedServices {
  readonly directory: string;
  readonly runDir: string;
  readonly url: string;
  readonly replicaUrl: string;
  readonly superuserUrl: string;
  readonly replicaSuperuserUrl: string;
  readonly redisServer: RedisServer;
}

/** Throws when the test file is not in a tier that starts services. */
export function getSharedServices(): SharedServices {
  const published = process.env['CAUDAL_TEST_SERVICES'];
  if (published === undefined) {
    throw new Error(
      'no services: name the file *.integration-spec.ts or *.e2e-spec.ts, whose tiers start them',
    );
  }
  return JSON.parse(published) as SharedServices;
}

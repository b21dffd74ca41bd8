// What one process of a fleet has of our rate limiter, from dist/. As a process of its own (goal R6):
// node rate-limiter-member.mjs REDIS_URL FLEET_SIZE, which says "ready", and on the message "storm" asks as
// often as it is told and says how many were admitted by us and by the peer.
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import { RateLimiterMemory, RateLimiterRedis } from 'rate-limiter-flexible';
import { SystemClock } from '../../../../dist/common/clock.js';
import { loadConfig } from '../../../../dist/config/index.js';
import { DistributedRateLimiter } from '../../../../dist/core/rate-limiter/distributed-rate-limiter.service.js';
import { createLogger } from '../../../../dist/infrastructure/logging/index.js';
import { Metrics } from '../../../../dist/infrastructure/metrics/index.js';
import { RedisService } from '../../../../dist/infrastructure/redis/index.js';

/**
 * @param {string} redisUrl
 * @param {Record<string, string>} [env]
 */
export async function joinFleet(redisUrl, env = {}) {
  const config = loadConfig({
    DATABASE_URL: 'postgresql://nobody@127.0.0.1/none',
    REDIS_URL: redisUrl,
    ...env,
  });
  const [logger, metrics] = [createLogger('silent'), new Metrics()];
  const redis = new RedisService(config, logger, metrics);
  while (!redis.isReady('rateLimit')) await sleep(5);
  const limiter = new DistributedRateLimiter(redis, new SystemClock(), config, logger, metrics);
  await limiter.synchronize();
  return {
    limiter,
    redis,
    /** @param {string} name sum over its series */
    metric: async (name) =>
      (await metrics.registry.metrics())
        .split('\n')
        .filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
        .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0),
    leave: async () => {
      await limiter.beforeApplicationShutdown();
      redis.onApplicationShutdown();
    },
  };
}

/** As its documentation recommends for production: quick failure, and an insurance in memory. */
export function openPeer(/** @type {string} */ redisUrl, /** @type {object} */ options) {
  const client = new Redis(redisUrl, {
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    commandTimeout: 50,
  });
  client.on('error', () => undefined);
  const { points, duration } = /** @type {{ points: number, duration: number }} */ (options);
  const insuranceLimiter = new RateLimiterMemory({ points, duration });
  return { client, limiter: new RateLimiterRedis({ storeClient: client, insuranceLimiter, ...options }) };
}

async function serve() {
  const [redisUrl = '', fleetSize = '1'] = process.argv.slice(2);
  const limit = 2000;
  const member = await joinFleet(redisUrl);
  const peer = openPeer(redisUrl, { points: limit, duration: 60 });
  const policy = { name: 'bench', limit, windowMs: 60_000 };
  while ((await member.metric('rate_limiter_live_pods')) < Number(fleetSize)) {
    await member.limiter.synchronize();
    await sleep(20);
  }
  process.on('message', (/** @type {{ calls: number }} */ { calls }) => {
    void (async () => {
      let [ours, theirs] = [0, 0];
      for (let call = 0; call < calls; call += 1) {
        const decision = await member.limiter.take([{ policy, subject: 'one', cost: 1 }]);
        if (decision.outcome === 'admitted') ours += 1;
        theirs += await peer.limiter.consume('one').then(
          () => 1,
          () => 0,
        );
      }
      process.send?.({ kind: 'stormed', ours: ours / limit, theirs: theirs / limit });
    })();
  });
  process.send?.({ kind: 'ready' });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await serve();

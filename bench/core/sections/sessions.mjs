// Sessions beside express-session's connect-redis on the same server: what an authenticated request costs, what
// a session occupies, whether a log-out holds, whether the limit holds, what ending everything of one person
// costs, and what is left when everything has expired. The peer is set up as its readme recommends (node-redis,
// touch instead of save); it has no limit and no index, so two goals are bounds by themselves.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { RedisStore } from 'connect-redis';
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { startRedis } from '../../../scripts/services/redis.mjs';
import { SystemClock } from '../../../dist/common/clock.js';
import { loadConfig } from '../../../dist/config/index.js';
import { DistributedSessionService } from '../../../dist/core/session/distributed-session.service.js';
import { EndedSessions } from '../../../dist/core/session/ended-sessions.js';
import { SessionActivity } from '../../../dist/core/session/session-activity.js';
import { SessionRegions } from '../../../dist/core/session/session-regions.js';
import { SessionMetrics } from '../../../dist/core/session/session.metrics.js';
import { createLogger } from '../../../dist/infrastructure/logging/index.js';
import { Metrics } from '../../../dist/infrastructure/metrics/index.js';
import { RedisService } from '../../../dist/infrastructure/redis/index.js';
import { AccessTokenIssuer } from '../../../dist/modules/auth/access-token-issuer.js';
import { AccessTokenStrategy } from '../../../dist/modules/auth/access-token.strategy.js';
import { CachingAccessTokenVerifier } from '../../../dist/modules/auth/caching-access-token-verifier.js';
import { SigningKeys } from '../../../dist/modules/auth/signing-keys.js';

const DEVICE = {
  userAgent: 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like',
  network: '203.0.113.0/24',
};
const ROLE = 'customer';
const IN_FLIGHT = 100;
const PEOPLE = 500;
const REQUESTS = 20_000;
const RACES = 10_000;
const LOG_INS = 200;
const LIMIT = 10;
const STRANGERS = 1_000_000;
const EXPIRING = 100_000;
const IDLE_SECONDS = 20;

/** @type {{ stop: () => Promise<void> }[]} */
const opened = [];

/** @param {string} url @param {Record<string, string>} env */
function openProcess(url, env = {}) {
  const { privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  const config = loadConfig({
    DATABASE_URL: 'postgres://localhost/none',
    REDIS_URL: url,
    REDIS_COMMAND_TIMEOUT_MS: '10000',
    JWT_PRIVATE_KEY: privateKey,
    BLIND_INDEX_KEY: Buffer.alloc(32, 2).toString('base64'),
    ...env,
  });
  const [metrics, clock] = [new Metrics(), new SystemClock()];
  const redis = new RedisService(config, createLogger('silent'), metrics);
  const ended = new EndedSessions(true);
  const sessionMetrics = new SessionMetrics(metrics, ended);
  const store = new DistributedSessionService(
    new SessionRegions(redis, config),
    config,
    ended,
    sessionMetrics,
  );
  const activity = new SessionActivity(store, sessionMetrics, config);
  const keys = new SigningKeys(config);
  const strategy = new AccessTokenStrategy(keys);
  const verifier = new CachingAccessTokenVerifier(strategy, clock, ended, activity, store, metrics);
  opened.push({
    stop: () => {
      activity.onApplicationShutdown();
      redis.onApplicationShutdown();
      return Promise.resolve();
    },
  });
  return { store, verifier, issuer: new AccessTokenIssuer(keys, clock, config) };
}

/** @param {number} index */
const userId = (index) => `0199f3a0-0000-7000-8000-${index.toString(16).padStart(12, '0')}`;

/** The 266 bytes of JSON that express-session keeps for a signed-in visitor. @param {number} index */
const peerSession = (index) => ({
  cookie: {
    originalMaxAge: 604_800_000,
    expires: new Date(Date.now() + 604_800_000).toISOString(),
    secure: true,
    httpOnly: true,
    path: '/',
    sameSite: 'strict',
  },
  userId: userId(index),
  role: ROLE,
  userAgent: DEVICE.userAgent.slice(0, 50),
});

/**
 * @param {number} count
 * @param {(index: number) => Promise<unknown>} work
 */
async function inParallel(count, work) {
  let next = 0;
  await Promise.all(
    Array.from({ length: IN_FLIGHT }, async () => {
      for (let index = next++; index < count; index = next++) await work(index);
    }),
  );
}

/** @param {number} count @param {(index: number) => Promise<unknown>} work */
async function perSecond(count, work) {
  const startMs = performance.now();
  await inParallel(count, work);
  return (count * 1000) / (performance.now() - startMs);
}

/** @type {import('../core-bench.mjs').Section} */
export default {
  async open() {
    const directory = mkdtempSync(join(tmpdir(), 'caudal-sessions-'));
    const server = await startRedis({ dir: directory });
    opened.push({
      stop: async () => {
        await server.stop();
        rmSync(directory, { recursive: true, force: true });
      },
    });
    const redis = new Redis(server.url);
    const client = createClient({ url: server.url });
    await client.connect();
    opened.push({
      stop: async () => {
        redis.disconnect();
        await client.close();
      },
    });
    const peer = new RedisStore({ client });
    const ours = openProcess(server.url);
    await redis.ping();
    await sleep(200);

    /** @param {string} info @param {string} field */
    const read = async (info, field) =>
      Number(new RegExp(`^${field}:(\\d+)`, 'm').exec(await redis.info(info))?.[1]);
    const commands = () => read('stats', 'total_commands_processed');
    const bytes = () => read('memory', 'used_memory');
    const peerIds = Array.from({ length: PEOPLE }, () => randomBytes(24).toString('base64url'));
    /** @type {string[]} */
    const tokens = [];

    const openPeople = async () => {
      if (tokens.length > 0) return;
      for (const [index, id] of peerIds.entries()) {
        await peer.set(id, /** @type {never} */ (peerSession(index)));
        const opening = await ours.store.create(userId(index), DEVICE);
        if (opening.kind !== 'opened') throw new Error(opening.kind);
        tokens.push((await ours.issuer.issue({ id: userId(index), role: ROLE }, opening.issued)).token);
      }
    };
    /** @param {number} index */
    const ourRequest = async (index) => {
      const proven = ours.verifier.verify(tokens[index % PEOPLE] ?? '');
      if ((proven instanceof Promise ? await proven : proven) === null) throw new Error('refused');
    };
    /** @param {number} index */
    const peerRequest = async (index) => {
      const id = peerIds[index % PEOPLE] ?? '';
      const session = await peer.get(id);
      if (session === null) throw new Error('refused');
      await peer.touch(id, session);
    };
    /** @param {(index: number) => Promise<unknown>} request */
    const commandsPerRequest = async (request) => {
      await openPeople();
      const before = await commands();
      await inParallel(REQUESTS, request);
      return Math.max(0, (await commands()) - before - 1) / REQUESTS;
    };
    /** @param {(index: number) => Promise<unknown>} make */
    const bytesPerSession = async (make) => {
      await redis.flushall();
      tokens.length = 0;
      const before = await bytes();
      await inParallel(10_000, make);
      const after = await bytes();
      await redis.flushall();
      return (after - before) / 10_000;
    };

    return [
      {
        id: 'S1',
        what: 'authenticated requests per second (with the whole check of the access token)',
        ours: async () => {
          await openPeople();
          return perSecond(REQUESTS, ourRequest);
        },
        peer: {
          name: 'connect-redis get + touch',
          measure: async () => {
            await openPeople();
            return perSecond(REQUESTS, peerRequest);
          },
        },
        target: { is: 'ratio', at: 'least', bound: 1.2 },
      },
      {
        id: 'S1 commands',
        what: 'Redis commands per authenticated request',
        ours: () => commandsPerRequest(ourRequest),
        peer: { name: 'connect-redis', measure: () => commandsPerRequest(peerRequest) },
        target: { is: 'value', at: 'most', bound: 1 },
        rounds: 1,
      },
      {
        id: 'S1 bytes',
        what: 'bytes of Redis per session, its index included',
        ours: () => bytesPerSession((index) => ours.store.create(userId(index), DEVICE)),
        peer: {
          name: 'connect-redis, which has no index',
          measure: () =>
            bytesPerSession((index) =>
              peer.set(randomBytes(24).toString('base64url'), /** @type {never} */ (peerSession(index))),
            ),
        },
        target: { is: 'ratio', at: 'most', bound: 0.9 },
        rounds: 3,
      },
      {
        id: 'S2',
        what: `sessions alive after ${String(RACES)} races of a log-out with a request that saves last`,
        ours: async () => {
          let alive = 0;
          await inParallel(RACES, async (index) => {
            const opening = await ours.store.create(userId(index), DEVICE);
            if (opening.kind !== 'opened') throw new Error(opening.kind);
            const { token, sessionId } = opening.issued;
            const [, rotation] = await Promise.all([
              ours.store.revoke(token),
              ours.store.rotate(token),
              ours.store.confirm(userId(index), sessionId),
            ]);
            const last = rotation.kind === 'rotated' ? rotation.issued.token : token;
            if ((await ours.store.rotate(last)).kind === 'rotated') alive += 1;
          });
          return alive;
        },
        peer: {
          name: 'connect-redis',
          measure: async () => {
            let alive = 0;
            await inParallel(RACES, async (index) => {
              const id = randomBytes(24).toString('base64url');
              await peer.set(id, /** @type {never} */ (peerSession(index)));
              const session = await peer.get(id);
              await Promise.all([peer.destroy(id), peer.set(id, session)]);
              if ((await peer.get(id)) !== null) alive += 1;
              await peer.destroy(id);
            });
            return alive;
          },
        },
        target: { is: 'value', at: 'most', bound: 0 },
        rounds: 1,
      },
      {
        id: 'S3',
        what: `sessions over the limit after ${String(LOG_INS)} parallel log-ins by 4 clients`,
        ours: async () => {
          const env = { SESSIONS_PER_USER_MAX: String(LIMIT) };
          const fleet = Array.from({ length: 4 }, () => openProcess(server.url, env));
          await sleep(200);
          await Promise.all(
            Array.from({ length: LOG_INS }, (_, i) => fleet[i % 4]?.store.create(userId(1), DEVICE)),
          );
          return (await ours.store.list(userId(1))).sessions.length - LIMIT;
        },
        target: { is: 'value', at: 'most', bound: 0 },
        rounds: 1,
      },
      {
        id: 'S4',
        what: `milliseconds to end all sessions of one person beside ${STRANGERS.toLocaleString('en')} keys`,
        ours: async () => {
          await fill(redis, STRANGERS);
          await Promise.all(Array.from({ length: 5 }, () => ours.store.create(userId(7), DEVICE)));
          const startMs = performance.now();
          await ours.store.revokeAll(userId(7));
          return performance.now() - startMs;
        },
        peer: {
          name: 'connect-redis: SCAN for them',
          measure: async () => {
            await fill(redis, STRANGERS);
            for (let i = 0; i < 5; i += 1)
              await peer.set(`mine-${String(i)}`, /** @type {never} */ (peerSession(7)));
            const startMs = performance.now();
            await new RedisStore({ client, prefix: 'sess:mine-' }).clear();
            return performance.now() - startMs;
          },
        },
        target: { is: 'ratio', at: 'most', bound: 0.01 },
        rounds: 1,
      },
      {
        id: 'S5',
        what: `share of the bytes of ${EXPIRING.toLocaleString('en')} sessions left after their expiry, without keyspace events`,
        ours: async () => {
          await redis.flushall();
          const brief = openProcess(server.url, { REFRESH_TOKEN_TTL_SECONDS: String(IDLE_SECONDS) });
          await sleep(200);
          const before = await bytes();
          await inParallel(EXPIRING, (index) => brief.store.create(userId(index), DEVICE));
          const full = await bytes();
          for (let i = 0; i < 120 && (await redis.dbsize()) > 16; i += 1) await sleep(500);
          return Math.max(0, (await bytes()) - before) / (full - before);
        },
        target: { is: 'value', at: 'most', bound: 0.01 },
        rounds: 1,
      },
    ];
  },
  async close() {
    for (const each of opened.splice(0).reverse()) await each.stop();
  },
};

/** Keys of other people, once. @param {Redis} redis @param {number} count */
async function fill(redis, count) {
  if ((await redis.exists('sess:stranger-0')) === 1) return;
  for (let start = 0; start < count; start += 10_000) {
    const pairs = Array.from({ length: 10_000 }, (_, i) => [`sess:stranger-${String(start + i)}`, 'x']);
    await redis.mset(...pairs.flat());
  }
}

// node redis-member.mjs URL OPERATION CLIENT: one process with a client of the Redis module, or with plain ioredis as its
// page says. Prints operations per second of the processor time of this process, which others on the machine do not
// change: that is what a wrapper costs. Never both in one process: as in production, the code of the library sees one
// class of clients.
import { readFileSync } from 'node:fs';
import { Redis } from 'ioredis';
import { loadConfig } from '../../../../dist/config/index.js';
import { createLogger } from '../../../../dist/infrastructure/logging/index.js';
import { Metrics } from '../../../../dist/infrastructure/metrics/index.js';
import { RedisScript, RedisService } from '../../../../dist/infrastructure/redis/index.js';
import { median } from '../../../interleaved-rounds.mjs';

const CALLS = 20_000;
const PIPELINES = 600;
const CONCURRENCY = 32;
const PIPELINE = 100;
const WARM_UP_ROUNDS = 3;
const ROUNDS = 7;
const SCRIPT = new URL('counter-count.lua', import.meta.url);
const KEY = '{bench}';
const COUNTER = '{bench}:count';
const LIFE_MS = 60_000;

const [url = '', operation = '', side = ''] = process.argv.slice(2);

async function openClient() {
  if (side === 'ioredis') return new Redis(url);
  const config = loadConfig({ DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none', REDIS_URL: url });
  const service = new RedisService(config, createLogger('silent'), new Metrics());
  while (!service.isReady('main')) await new Promise((resolve) => setTimeout(resolve, 5));
  return /** @type {Redis} */ (service.client('main'));
}

/**
 * @param {Redis} client
 * @returns {Promise<() => Promise<unknown>>}
 */
async function callOf(client) {
  switch (operation) {
    case 'GET':
      return () => client.get(KEY);
    case 'pipeline':
      return () => {
        const pipeline = client.pipeline();
        for (let i = 0; i < PIPELINE; i += 1) pipeline.get(KEY);
        return pipeline.exec();
      };
    case 'EVALSHA': {
      if (side !== 'ioredis') {
        const script = new RedisScript(SCRIPT, Number);
        return () => script.run(client, [COUNTER], [LIFE_MS]);
      }
      const sha = /** @type {string} */ (await client.script('LOAD', readFileSync(SCRIPT, 'utf8')));
      return () => client.evalsha(sha, 1, COUNTER, LIFE_MS);
    }
    default:
      throw new Error(`there is no operation ${operation}`);
  }
}

/** @param {() => Promise<unknown>} call */
async function throughput(call) {
  const isPipeline = operation === 'pipeline';
  const calls = isPipeline ? PIPELINES : CALLS;
  const before = process.cpuUsage();
  let left = calls;
  await Promise.all(
    Array.from({ length: isPipeline ? 2 : CONCURRENCY }, async () => {
      while (left > 0) {
        left -= 1;
        await call();
      }
    }),
  );
  const { user, system } = process.cpuUsage(before);
  return (calls * (isPipeline ? PIPELINE : 1) * 1e6) / (user + system);
}

const client = await openClient();
await client.set(KEY, 'x'.repeat(100));
const call = await callOf(client);
/** @type {number[]} */
const seen = [];
for (let round = 0; round < WARM_UP_ROUNDS + ROUNDS; round += 1) {
  const perSecond = await throughput(call);
  if (round >= WARM_UP_ROUNDS) seen.push(perSecond);
}
process.stdout.write(JSON.stringify(median(seen)));
process.exit(0);

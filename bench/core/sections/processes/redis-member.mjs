// node redis-member.mjs URL OPERATION: one process that has a client of the Redis module and one of plain ioredis,
// and does the same with both in turns. Prints what each does, operations per second of the processor time of this
// process, which others on the machine do not change: that is what a wrapper costs.
import { createHash } from 'node:crypto';
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

const [url = '', wanted = ''] = process.argv.slice(2);

/**
 * @param {import('ioredis').Redis} ours
 * @param {Redis} plain
 * @returns {Record<string, [ours: () => Promise<unknown>, theirs: () => Promise<unknown>]>}
 */
function operations(ours, plain) {
  const script = new RedisScript(SCRIPT, Number);
  const sha = createHash('sha1').update(readFileSync(SCRIPT, 'utf8')).digest('hex');
  /** @param {Redis} client */
  const pipelineOf = (client) => {
    const pipeline = client.pipeline();
    for (let i = 0; i < PIPELINE; i += 1) pipeline.get(KEY);
    return pipeline.exec();
  };
  return {
    GET: [() => ours.get(KEY), () => plain.get(KEY)],
    pipeline: [() => pipelineOf(ours), () => pipelineOf(plain)],
    EVALSHA: [() => script.run(ours, [COUNTER], [LIFE_MS]), () => plain.evalsha(sha, 1, COUNTER, LIFE_MS)],
  };
}

/** @param {() => Promise<unknown>} operation */
async function throughput(operation) {
  const isPipeline = wanted === 'pipeline';
  const calls = isPipeline ? PIPELINES : CALLS;
  const before = process.cpuUsage();
  let left = calls;
  await Promise.all(
    Array.from({ length: isPipeline ? 2 : CONCURRENCY }, async () => {
      while (left > 0) {
        left -= 1;
        await operation();
      }
    }),
  );
  const { user, system } = process.cpuUsage(before);
  return (calls * (isPipeline ? PIPELINE : 1) * 1e6) / (user + system);
}

const config = loadConfig({ DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none', REDIS_URL: url });
const service = new RedisService(config, createLogger('silent'), new Metrics());
while (!service.isReady('main')) await new Promise((resolve) => setTimeout(resolve, 5));
const plain = new Redis(url);
await plain.set(KEY, 'x'.repeat(100));
const sides = operations(service.client('main'), plain)[wanted];
if (sides === undefined) throw new Error(`there is no operation ${wanted}`);
// A script that the server does not have yet is loaded by ours.
await sides[0]();
/** @type {[number[], number[]]} */
const seen = [[], []];
for (let round = 0; round < WARM_UP_ROUNDS + ROUNDS; round += 1)
  for (const side of round % 2 === 0 ? [0, 1] : [1, 0]) {
    const perSecond = await throughput(sides[side]);
    if (round >= WARM_UP_ROUNDS) seen[side]?.push(perSecond);
  }
process.stdout.write(JSON.stringify(seen.map(median)));
process.exit(0);

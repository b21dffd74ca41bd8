import { Redis } from 'ioredis';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ThrottlerStorageRedisService } from '@nest-lab/throttler-storage-redis';
import { startRedis } from '../../scripts/services/redis.mjs';
import { joinFleet } from './sections/processes/rate-limiter-member.mjs';
const d = mkdtempSync(join(tmpdir(), 'zz-'));
const server = await startRedis({ dir: join(d, 'r'), runDir: join(d, 'run'), name: 'r' });
const admin = new Redis(server.url); const client = new Redis(server.url);
const member = await joinFleet(server.url, { REDIS_COMMAND_TIMEOUT_MS: '10000' });
const nestLab = new ThrottlerStorageRedisService(client);
const num = (t, p) => Number(p.exec(t)?.[1] ?? 0);
const usage = async () => { const t = await admin.info(); const c = await admin.info('commandstats'); return { cpu: 1e6*(num(t,/used_cpu_user:([\d.]+)/)+num(t,/used_cpu_sys:([\d.]+)/)), c: c.split('\n').filter(l=>/evalsha|eval:|get|set/.test(l)).join('|') }; };
let n = 0;
const run = async (name, decide) => {
  await admin.config('RESETSTAT');
  const prefix = 's' + (n += 1);
  const b = await usage(); const cb = process.cpuUsage(); const t0 = performance.now();
  const N = 12000;
  for (let i = 0; i < N; i += 64) await Promise.all(Array.from({ length: 64 }, (_, j) => decide(`${prefix}-${(i + j) % 1000}`)));
  const ms = performance.now() - t0; const ca = process.cpuUsage(cb); const a = await usage();
  console.log(name, (N / ms * 1000).toFixed(0), '/s redis us', ((a.cpu - b.cpu) / N).toFixed(1), 'client us', ((ca.user + ca.system) / N).toFixed(1)); 
  if (process.argv[2]) console.log(a.c);
};
const P = (name) => ({ name, limit: 100, windowMs: 60000 });
const three = ['one', 'two', 'three'].map(P);
for (let r = 0; r < 6; r++) {
  await run('ours3', (s) => member.limiter.take(three.map((policy) => ({ policy, subject: s, cost: 1 }))));
  await run('ours1', (s) => member.limiter.take([{ policy: three[0], subject: s, cost: 1 }]));
  await run('nest3', async (s) => { for (const { name, limit } of three) await nestLab.increment(`${s}-${name}`, 60000, limit, 60000, name); });
  await run('get3', async (s) => { for (const { name, limit } of three) await client.get(`${s}-${name}`); });
  await run('get', async (s) => { await client.get(`${s}`); });
}
await member.leave(); admin.disconnect(); client.disconnect(); await server.stop();
process.exit(0)

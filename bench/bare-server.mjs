// Starts bare-reads.mjs as a server on the server's core.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findFreePort } from '../scripts/services/ports.mjs';
import { startPinnedServer } from './pinned-server.mjs';

/**
 * @param {import('./bench-shop.mjs').BenchShop} shop
 * @param {import('./processor-cores.mjs').CorePlan} cores
 * @param {Record<string, Buffer>} bodies what it sends, by path
 * @returns {Promise<import('./pinned-server.mjs').PinnedServer>}
 */
export async function startBareServer(shop, cores, bodies) {
  const encoded = Object.entries(bodies).map(([path, body]) => [path, body.toString('base64')]);
  const port = await findFreePort();
  const bodiesFile = join(shop.directory, `bodies-${String(port)}.json`);
  writeFileSync(bodiesFile, JSON.stringify(Object.fromEntries(encoded)));
  return startPinnedServer({
    script: fileURLToPath(new URL('bare-reads.mjs', import.meta.url)),
    port,
    readyPath: '/ready',
    env: { PATH: process.env['PATH'], NODE_ENV: 'production', PORT: String(port), BODIES: bodiesFile },
    logFile: join(shop.directory, 'bare-reads.log'),
    cores,
  });
}

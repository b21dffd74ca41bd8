// npm run check:dashboards
// Asks every query of every dashboard of a real Prometheus that scrapes the built application while somebody
// shops. Not part of the tests: it takes a minute and a half, and Prometheus. Build first.
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { openBenchShop } from '../bench/bench-shop.mjs';
import { planCores } from '../bench/processor-cores.mjs';
import { findPrometheusTools } from './monitoring/prometheus-tools.mjs';
import { readMonitoringSources } from './monitoring/monitoring-sources.mjs';
import { findFreePort } from './services/ports.mjs';

const PROJECT = fileURLToPath(new URL('../', import.meta.url));
const TRAFFIC_MS = 60_000;
const ADDRESS = {
  name: 'Ada Byron',
  line1: 'Calle Mayor 1',
  city: 'Madrid',
  postalCode: '28013',
  country: 'ES',
};

/** Queries that cannot have data here, by what is missing. */
const WITHOUT = [
  ['kube-state-metrics', /kube_/],
  ['the kubelet or node_exporter', /kubelet_|node_filesystem/],
  ['the blackbox exporter', /probe_/],
  ['a replica', /database_replica_lag/],
];

const prometheus = (await findPrometheusTools())('prometheus');
if (prometheus === null) {
  console.log('prometheus is not here and cannot be had by apt: nothing was checked');
  process.exit(0);
}
// Jobs run in the other process alone: the one that knows what is watched.
process.env.ROLE = 'api';
const shop = await openBenchShop(planCores(), { say: console.log, profileDirectory: null });
const directory = mkdtempSync(join(tmpdir(), 'caudal-prometheus-'));
const [port, managementPort] = [await findFreePort(), await findFreePort()];
try {
  const stocked = await shop.database.query(
    `SELECT v.id, v.sku, p.slug FROM variants v JOIN products p ON p.id = v.product_id
     JOIN stock_items s ON s.variant_id = v.id WHERE s.on_hand > 100 LIMIT 1`,
  );
  /** @type {unknown} */
  const row = stocked.rows[0];
  const variant = /** @type {{ id: string, sku: string, slug: string }} */ (row);
  const server = await shop.startAnother({
    ROLE: 'all',
    WATCHED_SKUS: variant.sku,
    MANAGEMENT_PORT: String(managementPort),
  });
  const scraper = startPrometheus(prometheus);
  try {
    console.log('shopping');
    await shopFor(TRAFFIC_MS, variant);
    process.exitCode = await askEverything();
  } finally {
    const ended = once(scraper, 'exit');
    scraper.kill('SIGTERM');
    await ended;
    await server.stop();
  }
} finally {
  await shop.stop();
  rmSync(directory, { recursive: true, force: true });
}
process.exit();

/** @param {string} tool */
function startPrometheus(tool) {
  const config = {
    global: { scrape_interval: '2s', evaluation_interval: '2s' },
    rule_files: [join(PROJECT, 'deployment/monitoring/rules/*.rules.yaml')],
    scrape_configs: [
      {
        job_name: 'caudal',
        static_configs: [
          { targets: [shop.managementPort, managementPort].map((each) => `127.0.0.1:${String(each)}`) },
        ],
      },
    ],
  };
  const file = join(directory, 'prometheus.yml');
  writeFileSync(file, JSON.stringify(config));
  return spawn(
    tool,
    [
      `--config.file=${file}`,
      `--storage.tsdb.path=${join(directory, 'data')}`,
      `--web.listen-address=127.0.0.1:${String(port)}`,
    ],
    { stdio: 'ignore' },
  );
}

/**
 * @param {number} durationMs
 * @param {{ id: string, slug: string }} variant
 */
async function shopFor(durationMs, variant) {
  const end = performance.now() + durationMs;
  for (let visit = 0; performance.now() < end; visit += 1) {
    const headers = {
      authorization: `Bearer ${shop.buyers[visit % shop.buyers.length]?.token ?? ''}`,
      'content-type': 'application/json',
      'x-forwarded-for': `10.1.${String((visit >> 8) % 256)}.${String(visit % 256)}`,
    };
    const send = async (/** @type {string} */ path, /** @type {object} */ body) =>
      /** @type {{ id?: string }} */ (
        await (
          await fetch(`http://127.0.0.1:${String(shop.caudal.port)}${path}`, {
            method: 'POST',
            headers: { ...headers, 'idempotency-key': randomUUID() },
            body: JSON.stringify(body),
          })
        ).json()
      );
    for (const path of ['/api/v1/products?limit=24', `/api/v1/products/${variant.slug}`])
      await (await fetch(`http://127.0.0.1:${String(shop.caudal.port)}${path}`, { headers })).arrayBuffer();
    const order = await send('/api/v1/orders', {
      lines: [{ variantId: variant.id, quantity: 1 }],
      shippingAddress: ADDRESS,
    });
    await send(`/api/v1/orders/${order.id ?? ''}/payments`, { provider: 'test', token: 'tok_success' });
    if (visit % 10 === 0) {
      const account = { email: `${randomUUID()}@example.com`, password: 'a long password' };
      await send('/api/v1/auth/register', { ...account, name: 'Ada' });
      await send('/api/v1/auth/login', account);
    }
    await sleep(100);
  }
}

async function askEverything() {
  const dashboards = Object.entries(readMonitoringSources(PROJECT).dashboards);
  const panels = dashboards.flatMap(([file, { panels }]) => panels.map((panel) => ({ file, ...panel })));
  let [asked, failed, unexpected] = [0, 0, 0];
  for (const { file, title, targets = [] } of panels)
    for (const { expr } of targets) {
      asked += 1;
      const query = expr.replaceAll('$__rate_interval', '30s');
      const answer = await fetch(
        `http://127.0.0.1:${String(port)}/api/v1/query?query=${encodeURIComponent(query)}`,
      );
      const { status, data, error } =
        /** @type {{ status: string, data?: { result: unknown[] }, error?: string }} */ (await answer.json());
      const missing = WITHOUT.find(([, pattern]) => /** @type {RegExp} */ (pattern).test(expr))?.[0];
      if (status !== 'success') failed += 1;
      else if (data !== undefined && data.result.length > 0) continue;
      else if (missing === undefined) unexpected += 1;
      console.log(
        `${status === 'success' ? `- nothing${missing === undefined ? '' : ` without ${String(missing)}`}` : `✗ ${String(error)}`}: ${file}, ${title}: ${expr}`,
      );
    }
  console.log(
    `${String(asked)} queries: ${String(failed)} are wrong, ${String(unexpected)} returned nothing for no known reason`,
  );
  return failed === 0 ? 0 : 1;
}

// npm run check:dashboards [-- --pictures]
// Asks every query of every dashboard of a real Prometheus that scrapes the built application while somebody
// shops, with k6's flash sale where there is a k6. Not part of the tests: it takes a minute and a half, and
// Prometheus. Build first. --pictures writes docs/dashboards/*.svg from what was answered.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { openBenchShop } from '../bench/bench-shop.mjs';
import { findK6, runFlashSale, SALE_SKU, shopFor } from './monitoring/dashboard-load.mjs';
import { renderPicture } from './monitoring/dashboard-picture.mjs';
import { askPanels } from './monitoring/dashboard-questions.mjs';
import { readMonitoringSources } from './monitoring/monitoring-sources.mjs';
import { findPrometheusTools } from './monitoring/prometheus-tools.mjs';
import { PrometheusUnderTest } from './monitoring/prometheus-under-test.mjs';
import { findFreePort } from './services/ports.mjs';

const PROJECT = fileURLToPath(new URL('../', import.meta.url));
/** Nothing is compared here, so whoever has time may run. */
const ANY_CORE = { server: null, others: null, description: 'not pinned' };
const PICTURES = join(PROJECT, 'docs/dashboards');
/** Before the sale the graphs begin; it ends with the shopping, so that the numbers of now are those of a sale. */
const [SHOPPING_MS, BEFORE_SALE_MS] = [70_000, 20_000];

const prometheus = (await findPrometheusTools())('prometheus');
if (prometheus === null) {
  console.log('prometheus is not here and cannot be had by apt: nothing was checked');
  process.exit(0);
}
const k6 = findK6();
if (k6 === null) console.log('k6 is not here: only a few buyers shop');
// Jobs run in the other process alone: the one that knows what is watched.
process.env.ROLE = 'api';
const shop = await openBenchShop(ANY_CORE, { say: console.log, profileDirectory: null });
try {
  const stocked = await shop.database.query(
    `SELECT v.id, v.sku, p.slug FROM variants v JOIN products p ON p.id = v.product_id
     JOIN stock_items s ON s.variant_id = v.id WHERE s.on_hand > 100 LIMIT 1`,
  );
  /** @type {unknown} */
  const row = stocked.rows[0];
  const variant = /** @type {{ id: string, sku: string, slug: string }} */ (row);
  const managementPort = await findFreePort();
  const server = await shop.startAnother({
    ROLE: 'all',
    WATCHED_SKUS: `${SALE_SKU},${variant.sku}`,
    WATCH_INTERVAL_MS: '1000',
    MANAGEMENT_PORT: String(managementPort),
  });
  const scraper = await PrometheusUnderTest.start(prometheus, {
    api: shop.managementPort,
    worker: managementPort,
  });
  try {
    const fromMs = Date.now();
    console.log(`shopping${k6 === null ? '' : ", with k6's flash sale"}`);
    await Promise.all([
      shopFor(shop, SHOPPING_MS, variant),
      k6 === null ? null : sleep(BEFORE_SALE_MS).then(() => runFlashSale(k6, shop)),
    ]);
    const range = { fromMs, toMs: Date.now(), stepSeconds: 2 };
    const { dashboards } = readMonitoringSources(PROJECT);
    const answers = await askPanels(scraper, dashboards, range, console.log);
    process.exitCode = answers.failures === 0 ? 0 : 1;
    if (process.argv.includes('--pictures')) {
      mkdirSync(PICTURES, { recursive: true });
      for (const [file, panels] of Object.entries(answers.panels)) {
        const picture = join(PICTURES, file.replace(/\.json$/, '.svg'));
        const title = dashboards[file]?.title ?? file;
        writeFileSync(
          picture,
          renderPicture(title, panels, range, k6 === null ? 'some buyers' : 'a flash sale by k6'),
        );
        console.log(`✓ docs/dashboards/${file.replace(/\.json$/, '.svg')}`);
      }
    }
  } finally {
    await scraper.stop();
    await server.stop();
  }
} finally {
  await shop.stop();
}
process.exit();

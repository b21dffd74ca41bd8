// npm run demo [-- --buyers 5000 --stock 100 --seconds 10 --chart FILE]
// Plays a flash sale against the running server and checks that sold + left = stock.
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { arrivalSchedule } from './demo/arrival-schedule.mjs';
import { runFlashSale } from './demo/flash-sale.mjs';
import { startLiveView } from './demo/live-view.mjs';
import { SaleAdministration } from './demo/sale-administration.mjs';
import { renderSaleChart } from './demo/sale-chart.mjs';
import { formatCount, renderTable } from './demo/sale-report.mjs';
import { findFaults, SaleTally } from './demo/sale-tally.mjs';
import { ShopClient } from './demo/shop-client.mjs';
import { issueBuyers } from './load/buyers.mjs';
import { parseWholeNumber, runCommand } from './load/command-line.mjs';
import { findLocalInstallation, LocalInstallationError } from './load/local-installation.mjs';

const USAGE = 'Usage: npm run demo [-- --buyers 5000 --stock 100 --seconds 10 --chart FILE]';

/** As long as the server's own access tokens live. */
const TOKEN_LIFETIME_SECONDS = 900;

/** One attempt's deadline, and how long the demo waits for stragglers after the last arrival. */
const REQUEST_DEADLINE_MS = 10_000;
const PATIENCE_MS = 30_000;

/** The live view asks the shop for its stock this often, well below any limit. */
const STOCK_LOOK_MS = 500;

/** Where everybody counts as one client, the shop's owner is stopped with the crowd: nothing to check. */
const LIMITED_ADVICE = `
The run was stopped by the rate limit. The server takes all buyers for one client, because it does
not believe X-Forwarded-For. Start it with \`TRUST_PROXY_HOPS=1 npm start\` and run the demo again:
the limits stay on, and each buyer has an address of its own.`;

/** @param {string[]} args */
function parseCommand(args) {
  const { values } = parseArgs({
    args,
    options: {
      buyers: { type: 'string', default: '5000' },
      stock: { type: 'string', default: '100' },
      seconds: { type: 'string', default: '10' },
      chart: { type: 'string' },
    },
  });
  return {
    buyers: parseWholeNumber(values.buyers, { name: '--buyers', low: 1, high: 100_000 }),
    stock: parseWholeNumber(values.stock, { name: '--stock', low: 1, high: 1_000_000 }),
    seconds: parseWholeNumber(values.seconds, { name: '--seconds', low: 1, high: 600 }),
    chart: values.chart,
  };
}

/** @param {ShopClient} client @param {string} origin */
async function ensureServerIsThere(client, origin) {
  const answer = await client.send({ method: 'GET', path: '/products?limit=1' });
  if (answer.status === 200) return;
  const found = answer.status === 0 ? answer.code : `status ${String(answer.status)} ${answer.code}`;
  throw new LocalInstallationError(
    `No shop answers at ${origin} (${found}). Start it with \`npm start\` in another terminal, or set BASE_URL.`,
  );
}

/**
 * @param {ShopClient} client
 * @param {import('./load/buyers.mjs').Buyer | null} admin
 */
async function createAdministration(client, admin) {
  const { ADMIN_EMAIL: email, ADMIN_PASSWORD: password } = process.env;
  if (email && password) return SaleAdministration.signIn(client, { email, password });
  if (admin) return new SaleAdministration(client, admin.token);
  throw new LocalInstallationError('No administrator: set ADMIN_EMAIL and ADMIN_PASSWORD');
}

async function main() {
  const command = parseCommand(process.argv.slice(2));
  const installation = findLocalInstallation(process.env);
  const client = new ShopClient(installation.origins, { deadlineMs: REQUEST_DEADLINE_MS });
  await ensureServerIsThere(client, installation.origins.join(', '));

  console.log(`Inviting ${formatCount(command.buyers)} buyers …`);
  const { buyers, admin } = await issueBuyers(installation, {
    count: command.buyers,
    lifetimeSeconds: TOKEN_LIFETIME_SECONDS,
  });
  const administration = await createAdministration(client, admin);
  const runId = Date.now().toString(36);
  const { variantId, slug } = await administration.openSale({ runId, stock: command.stock });
  console.log(`${slug}: ${String(command.stock)} units at ${installation.origins.join(', ')}\n`);

  const durationMs = command.seconds * 1000;
  const tally = new SaleTally(command.stock);
  /** @type {number | null} */
  let left = command.stock;
  const looking = setInterval(() => {
    void administration.findUnitsLeft(variantId).then((units) => (left = units ?? left));
  }, STOCK_LOOK_MS);
  const view = startLiveView(process.stdout, {
    tally,
    buyers: command.buyers,
    durationMs,
    left: () => left,
  });
  const startedAt = performance.now();
  await runFlashSale(
    client,
    {
      variantId,
      buyers,
      arrivalsMs: arrivalSchedule({ buyers: command.buyers, durationMs }),
      patienceMs: PATIENCE_MS,
    },
    tally,
  );
  const actualMs = performance.now() - startedAt;
  clearInterval(looking);
  if (tally.limited > 0) {
    view.stop();
    throw new LocalInstallationError(LIMITED_ADVICE);
  }
  const finalLeft = await administration.getUnitsLeft(variantId);
  left = finalLeft;
  view.stop();

  console.log(
    `\n${renderTable(tally, { left: finalLeft, retries: client.retries, durationMs: actualMs })}\n`,
  );
  const chart = resolve(command.chart ?? join(installation.dataDir, 'demo-report.svg'));
  await mkdir(dirname(chart), { recursive: true });
  const title = `Flash sale: ${formatCount(tally.arrived)} buyers, ${formatCount(tally.stock)} units, ${formatCount(tally.sold)} sold, ${formatCount(tally.oversold)} oversold`;
  await writeFile(chart, renderSaleChart(tally, { title }));
  console.log(`Chart: ${chart}`);
  client.close();
  return reportVerdict(tally, finalLeft);
}

/**
 * @param {SaleTally} tally
 * @param {number} left
 * @returns {number} exit code
 */
function reportVerdict(tally, left) {
  const faults = findFaults(tally, left);
  if (faults.length === 0) {
    console.log(`Check: sold ${String(tally.sold)} + left ${String(left)} = stock ${String(tally.stock)}`);
    return 0;
  }
  for (const fault of faults) console.error(`Check failed: ${fault}`);
  for (const [problem, count] of tally.problems) console.error(`  ${String(count)} × ${problem}`);
  return 1;
}

await runCommand(main, USAGE);

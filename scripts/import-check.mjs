// @ts-check
// Runs the real catalogues of a folder (spree-products.csv, bestbuy-categories.json.gz) through
// `npm run import`, twice each, on a PostgreSQL of its own, and checks what they must have become.
// Called by .ci/import-real-data.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import pg from 'pg';
import { migrate } from './database/migrate.mjs';
import { startPostgres } from './services/postgres.mjs';

const DATA = resolve(process.argv[2] ?? '../shared/data');
const PROJECT = join(import.meta.dirname, '..');

/** The one row of the tree that is broken: its name is null. */
const NAMELESS_CATEGORY = 'pcmcat748300293073';

const directory = mkdtempSync(join(tmpdir(), 'caudal-import-'));
const postgres = await startPostgres({
  dataDir: join(directory, 'postgres'),
  runDir: join(directory, 'run'),
  namePrefix: 'import-',
  durable: false,
});
const client = new pg.Client({ connectionString: postgres.url });
try {
  await migrate(postgres.url);
  await client.connect();

  const products = load('spree-products.csv', 0);
  assert.match(products.stdout, /211 rows/);
  const categoryCount = 24;
  assert.deepEqual(await counts(), {
    categories: categoryCount,
    products: 37,
    variants: 87,
    prices: 174,
    currencies: ['EUR', 'USD'],
    ranges: 74,
    units: 435_000,
    movements: 87,
    uncategorised: 0,
  });

  const tree = load('bestbuy-categories.json.gz', 2);
  assert.match(tree.stdout, /4584 rows/);
  assert.deepEqual(
    tree.stderr.split('\n').filter((line) => line.startsWith('line ')),
    [`line 1: element 3980: name is missing or not a text (id "${NAMELESS_CATEGORY}")`],
  );
  // 4,583 rows and the 139 categories that stand only in the paths of others.
  assert.equal((await counts())['categories'], categoryCount + 4583 + 139);
  assert.equal(await countTreeFaults(), 0);

  const before = await everything();
  load('spree-products.csv', 0);
  load('bestbuy-categories.json.gz', 2);
  assert.equal(await everything(), before, 'the second run changed something');
  process.stdout.write('import of the real data: ok\n');
} finally {
  await client.end();
  await postgres.stop();
  rmSync(directory, { recursive: true });
}

/**
 * @param {string} name
 * @param {number} exitCode
 */
function load(name, exitCode) {
  const startMs = performance.now();
  const run = spawnSync('npm', ['run', '--silent', 'import', '--', join(DATA, name)], {
    cwd: PROJECT,
    encoding: 'utf8',
    env: { ...process.env, DATABASE_URL: postgres.url },
  });
  process.stdout.write(
    `${run.stdout}  (${((performance.now() - startMs) / 1000).toFixed(1)} s with start)\n`,
  );
  assert.equal(run.status, exitCode, run.stderr);
  return run;
}

/** @returns {Promise<Record<string, unknown>>} */
async function counts() {
  return one(`
    SELECT (SELECT count(*)::int FROM categories) AS categories,
      (SELECT count(*)::int FROM products) AS products,
      (SELECT count(*)::int FROM variants) AS variants,
      (SELECT count(*)::int FROM prices) AS prices,
      (SELECT array_agg(DISTINCT currency::text) FROM prices) AS currencies,
      (SELECT count(*)::int FROM product_price_ranges) AS ranges,
      (SELECT sum(on_hand)::int FROM stock_items) AS units,
      (SELECT count(*)::int FROM stock_movements) AS movements,
      (SELECT count(*)::int FROM products WHERE category_id IS NULL) AS uncategorised`);
}

/** How many categories have a path that is not their parent's path and themselves. */
async function countTreeFaults() {
  const { faults } = await one(`
    SELECT count(*)::int AS faults FROM categories c LEFT JOIN categories p ON p.id = c.parent_id
    WHERE c.ancestor_ids IS DISTINCT FROM coalesce(p.ancestor_ids, '{}') || c.id`);
  return faults;
}

/** A hash over every row that an import could write. */
async function everything() {
  const tables = [
    'categories',
    'products',
    'variants',
    'prices',
    'stock_items',
    'stock_movements',
    'outbox_events',
    'outbox_batches',
  ];
  const hashes = tables.map(
    (table) => `(SELECT md5(string_agg(t::text, ';' ORDER BY t::text)) FROM ${table} t)`,
  );
  const { hash } = await one(`SELECT concat_ws(' ', ${hashes.join(', ')}) AS hash`);
  return hash;
}

/**
 * @param {string} sql
 * @returns {Promise<Record<string, unknown>>}
 */
async function one(sql) {
  /** @type {import('pg').QueryResult<Record<string, unknown>>} */
  const { rows } = await client.query(sql);
  return rows[0] ?? {};
}

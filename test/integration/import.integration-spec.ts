import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import pg from 'pg';
import { runImport } from '../../src/bootstrap/import/run-import.js';
import { SystemClock } from '../../src/common/clock.js';
import { loadConfig } from '../../src/config/index.js';
import { testEnvironment } from '../support/app-harness.js';
import { startTestServices, type TestServices } from '../support/services/index.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const HEADER =
  'slug,sku,name,price,currency,status,description,category1,option1_name,option1_value,inventory_count';
const MILL = [
  'mill,MILL,"Mill, ""hand"" made",0,USD,active,"Grinds\r\nslowly.",Kitchen -> Mills,,,',
  'mill,MILL-RED,,49.90,USD,,,,Color,Red,5',
  'mill,MILL-BLUE,,49.90,USD,,,,Color,Blue,7',
];
const KETTLE = 'kettle,KETTLE,Kettle,19.99,USD,active,,Kitchen,,,3';
const EUROS = ['mill,MILL-RED,,45.50,EUR,,,,,,', 'kettle,KETTLE,,17.50,EUR,,,,,,'];

const csv = (...rows: string[]) => `\uFEFF${[HEADER, ...rows].join('\r\n')}\r\n`;

interface ImportRun {
  /** Null when it threw: exit code 1. */
  readonly isComplete: boolean | null;
  readonly error: string;
  readonly refused: string[];
  readonly summary: string;
}

describe('the import', () => {
  let services: TestServices;
  let directory: string;
  let client: pg.Client;

  beforeAll(async () => {
    services = await startTestServices();
    directory = temporaryFolder('caudal-import');
    client = new pg.Client({ connectionString: services.databaseUrl });
    await client.connect();
  });

  beforeEach(async () => {
    await client.query(
      'TRUNCATE categories, products, variants, prices, product_price_ranges, stock_items, stock_movements, outbox_events, outbox_batches CASCADE',
    );
  });

  afterAll(async () => {
    await client.end();
    await services.close();
  });

  async function load(name: string, content: string | Buffer): Promise<ImportRun> {
    const path = join(directory, name);
    await writeFile(path, content);
    return loadPath(path);
  }

  async function loadPath(path: string): Promise<ImportRun> {
    let stderr = '';
    let summary = '';
    const terminal = {
      stderr: { write: (text: string) => (stderr += text) },
      stdout: { write: (text: string) => (summary += text) },
    };
    const config = loadConfig(testEnvironment(services));
    const result = await runImport(path, config, new SystemClock(), terminal).then(
      (isComplete) => ({ isComplete, error: '' }),
      (error: unknown) => ({ isComplete: null, error: String(error) }),
    );
    return { ...result, refused: stderr.split('\n').filter((line) => line !== ''), summary };
  }

  async function rows(sql: string): Promise<unknown[]> {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  }

  const contents = async () => ({
    categories: await rows(
      'SELECT slug, name, external_id, parent_id, ancestor_ids FROM categories ORDER BY slug',
    ),
    products: await rows(
      'SELECT slug, name, description, category_id, status, version FROM products ORDER BY slug',
    ),
    variants: await rows('SELECT sku, options, position FROM variants ORDER BY sku'),
    prices: await rows(
      'SELECT sku, currency, amount_minor FROM prices JOIN variants ON id = variant_id ORDER BY sku, currency',
    ),
    stock: await rows('SELECT sku, on_hand FROM stock_items JOIN variants ON id = variant_id ORDER BY sku'),
    movements: await rows('SELECT count(*)::int FROM stock_movements'),
    events: await rows('SELECT count(*)::int FROM outbox_events'),
  });

  it('loads products, variants, prices in two currencies, categories and stock', async () => {
    const run = await load('good.csv', csv(...MILL, KETTLE, ...EUROS));
    expect(run).toMatchObject({ isComplete: true, error: '', refused: [] });
    expect(run.summary).toContain('6 rows');
    expect(run.summary).not.toMatch(/NaN|undefined/);
    expect(await contents()).toMatchObject({
      categories: [
        { slug: 'kitchen', name: 'Kitchen', parent_id: null },
        { slug: 'kitchen-mills', name: 'Mills' },
      ],
      products: [
        { slug: 'kettle', name: 'Kettle' },
        { slug: 'mill', name: 'Mill, "hand" made', description: 'Grinds\nslowly.', status: 'active' },
      ],
      variants: [
        { sku: 'KETTLE', options: {} },
        { sku: 'MILL-BLUE', options: { Color: 'Blue' }, position: 1 },
        { sku: 'MILL-RED', options: { Color: 'Red' }, position: 0 },
      ],
      prices: [
        { sku: 'KETTLE', currency: 'EUR', amount_minor: '1750' },
        { sku: 'KETTLE', currency: 'USD', amount_minor: '1999' },
        { sku: 'MILL-BLUE', currency: 'USD', amount_minor: '4990' },
        { sku: 'MILL-RED', currency: 'EUR', amount_minor: '4550' },
        { sku: 'MILL-RED', currency: 'USD', amount_minor: '4990' },
      ],
      stock: [
        { sku: 'KETTLE', on_hand: 3 },
        { sku: 'MILL-BLUE', on_hand: 7 },
        { sku: 'MILL-RED', on_hand: 5 },
      ],
    });
  });

  it('changes nothing when the same file comes again, not even a version or an event', async () => {
    await load('twice.csv', csv(...MILL, KETTLE, ...EUROS));
    const before = await contents();
    const run = await load('twice.csv', csv(...MILL, KETTLE, ...EUROS));
    expect(run.isComplete).toBe(true);
    expect(run.summary).toMatch(/products\s+0 created, 0 updated, 2 unchanged/);
    expect(await contents()).toEqual(before);
  });

  it('updates what changed and leaves stock to those who sell it', async () => {
    await load('change.csv', csv(...MILL));
    await client.query('UPDATE stock_items SET on_hand = 2');
    const changed = MILL.map((row) => row.replace('49.90', '39.90').replace(/,[57]$/, ',999'));
    const run = await load('change.csv', csv(...changed));
    expect(run.summary).toMatch(/variants\s+0 created, 2 updated/);
    const { prices, stock } = await contents();
    expect(prices).toMatchObject([{ amount_minor: '3990' }, { amount_minor: '3990' }]);
    expect(stock).toMatchObject([{ on_hand: 2 }, { on_hand: 2 }]);
  });

  it('gives variants their stock that a run which was cut off had no time to give', async () => {
    await load('cut.csv', csv(...MILL));
    await client.query('DELETE FROM stock_movements; DELETE FROM stock_items');
    await load('cut.csv', csv(...MILL));
    expect((await contents()).stock).toMatchObject([{ on_hand: 7 }, { on_hand: 5 }]);
  });

  it('reports each bad row with its line and reason while the good ones go in', async () => {
    const run = await load(
      'bad.csv',
      csv(
        ...MILL, // lines 2 to 5: the description has two
        'mill,MILL-GREEN,,-1,USD,,,,Color,Green,1', // 6
        'mill,MILL-BLACK,,49.90,USD,,,,Color,Black,1.5', // 7
        'only,two', // 8
        'broken,"BROKEN" x,Broken,1,USD,,,,,,', // 9
        'lost,LOST-1,,10,USD,,,,,,1', // 10: no product of this slug anywhere
        'thief,MILL-RED,Thief,10,USD,,,,,,1', // 11: another product's SKU
        'ghost,GHOST,Ghost,10,usd,,,,,,1', // 12
        'open,"OPEN,Open,10,USD,,,,,,1', // 13
        KETTLE, // 14
      ),
    );
    expect(run.isComplete).toBe(false);
    expect(run.refused.map((line) => line.replace(/^line (\d+): .*$/, '$1')).sort((a, b) => +a - +b)).toEqual(
      ['6', '7', '8', '9', '10', '11', '12', '13'],
    );
    expect(run.refused.find((line) => line.startsWith('line 10:'))).toContain('no product with this slug');
    expect(run.refused.find((line) => line.startsWith('line 11:'))).toContain('belongs to another product');
    const { variants } = await contents();
    expect(variants).toMatchObject([{ sku: 'KETTLE' }, { sku: 'MILL-BLUE' }, { sku: 'MILL-RED' }]);
  });

  it('finds a product again whose prices stand thousands of rows below it', async () => {
    const many = Array.from({ length: 1500 }, (_, i) => `p-${String(i)},P-${String(i)},P,1.50,USD,,,,,,1`);
    const run = await load('many.csv', csv(...MILL, ...many, ...EUROS.slice(0, 1)));
    expect(run).toMatchObject({ isComplete: true, refused: [] });
    expect(await rows("SELECT FROM prices WHERE currency = 'EUR'")).toHaveLength(1);
    expect(await rows('SELECT FROM variants')).toHaveLength(1502);
  });

  it('lets the last line of the file have the last word about a price, wherever the lines stand', async () => {
    const amount = async () =>
      rows("SELECT amount_minor FROM prices JOIN variants ON id = variant_id WHERE sku = 'KETTLE'");
    const kettle = (price: string) => `kettle,KETTLE,,${price},USD,,,,,,`;
    const others = (count: number) =>
      Array.from({ length: count }, (_, i) => `p-${String(i)},P-${String(i)},P,1.50,USD,,,,,,1`);
    for (const gap of [others(1), others(1200)]) {
      await load('last.csv', csv(KETTLE, ...gap, kettle('5.00')));
      expect(await amount()).toEqual([{ amount_minor: '500' }]);
      // The product is known now: its price row may stand above it.
      const run = await load('last.csv', csv(kettle('5.00'), ...gap, KETTLE));
      expect(run).toMatchObject({ isComplete: true, refused: [] });
      expect(await amount()).toEqual([{ amount_minor: '1999' }]);
    }
  });

  it('keeps categories apart whose paths make the same slug, in any order and in any file', async () => {
    const lamp = 'lamp,LAMP,Lamp,1.00,USD,,,A B,,,';
    const mug = 'mug,MUG,Mug,1.00,USD,,,A -> B,,,';
    const placed = async () =>
      rows(
        `SELECT p.slug, c.name, cardinality(c.ancestor_ids) AS depth
         FROM products p JOIN categories c ON c.id = p.category_id ORDER BY p.slug`,
      );
    const apart = [
      { slug: 'lamp', name: 'A B', depth: 1 },
      { slug: 'mug', name: 'B', depth: 2 },
    ];
    expect(await load('one.csv', csv(lamp, mug))).toMatchObject({ isComplete: true });
    expect(await placed()).toEqual(apart);
    const { categories } = await contents();
    expect(categories).toMatchObject([{ slug: 'a' }, { slug: 'a-b', name: 'A B' }, { name: 'B' }]);

    for (const file of [csv(mug, lamp), csv(mug), csv(lamp)]) {
      expect((await load('again.csv', file)).summary).toMatch(/categories\s+0 created, 0 updated/);
      expect(await placed()).toEqual(apart);
      expect((await contents()).categories).toEqual(categories);
    }
  });

  it('leaves the position of a category to those who set it', async () => {
    const positions = () => rows('SELECT slug, position FROM categories ORDER BY slug');
    await load('position.csv', csv(...MILL));
    await client.query("UPDATE categories SET position = 4 WHERE slug = 'kitchen-mills'");
    const run = await load('position.csv', csv(...MILL, KETTLE));
    expect(run.summary).toMatch(/categories\s+0 created, 0 updated, 2 unchanged/);
    expect(await positions()).toEqual([
      { slug: 'kitchen', position: 0 },
      { slug: 'kitchen-mills', position: 4 },
    ]);
  });

  it('survives two imports of the same file at once', async () => {
    const many = Array.from(
      { length: 600 },
      (_, i) => `p-${String(i)},P-${String(i)},P,1.50,USD,,,A -> B,,,1`,
    );
    const runs = await Promise.all([load('a.csv', csv(...many)), load('b.csv', csv(...many))]);
    expect(runs).toMatchObject([{ isComplete: true }, { isComplete: true }]);
    expect(await rows('SELECT FROM stock_items')).toHaveLength(600);
    expect(await rows('SELECT FROM stock_movements')).toHaveLength(600);
  });

  it.each([
    ['empty.csv', '', 'the file is empty'],
    ['header.csv', 'slug,name\nmill,Mill\n', 'columns are missing: sku, price, currency'],
    ['object.json', '{"id": "a"}', 'not a JSON array'],
    ['garbage.gz', 'no gzip', 'neither named .csv nor .json'],
    ['damaged.json.gz', Buffer.from([0x1f, 0x8b, 8, 0, 1, 2, 3]), 'to its end'],
  ])('says why it cannot run with %s', async (name, content, reason) => {
    const run = await load(name, content);
    expect(run).toMatchObject({ isComplete: null, error: expect.stringContaining(reason) as string });
    expect((await contents()).products).toEqual([]);
  });

  it('says that there is no such file, and that a directory is none', async () => {
    expect((await loadPath(join(directory, 'absent.csv'))).error).toContain('there is no such file');
    expect((await loadPath(directory)).isComplete).toBeNull();
  });

  describe('of a category tree', () => {
    const node = (id: string, name: string | null, ...above: [string, string][]) => ({
      id,
      name,
      path: [...above.map(([aboveId, aboveName]) => ({ id: aboveId, name: aboveName })), { id, name }],
      subCategories: [],
    });
    const K: [string, string] = ['k', 'Kitchen'];

    const TREE = [
      node('m', 'Mills', K),
      node('h', 'Hand mills', K, ['m', 'Mills']),
      node('k', 'Kitchen'),
      node('m2', 'Mills', K), // the same path as m
      node('h2', 'Hand mills', K, ['m2', 'Mills']),
      node('s', 'Spare parts', ['x', 'No row of its own']),
    ];

    it('loads every category and those that only paths name, each with a slug of its own', async () => {
      const run = await load('tree.json.gz', gzipSync(JSON.stringify(TREE)));
      expect(run).toMatchObject({ isComplete: true, refused: [] });
      const tree = await rows(
        `SELECT c.external_id, c.slug, p.external_id AS parent, cardinality(c.ancestor_ids) AS depth
         FROM categories c LEFT JOIN categories p ON p.id = c.parent_id ORDER BY c.external_id`,
      );
      expect(tree).toEqual([
        { external_id: 'h', slug: 'kitchen-mills-hand-mills', parent: 'm', depth: 3 },
        { external_id: 'h2', slug: 'kitchen-mills-hand-mills-h2', parent: 'm2', depth: 3 },
        { external_id: 'k', slug: 'kitchen', parent: null, depth: 1 },
        { external_id: 'm', slug: 'kitchen-mills', parent: 'k', depth: 2 },
        { external_id: 'm2', slug: 'kitchen-mills-m2', parent: 'k', depth: 2 },
        { external_id: 's', slug: 'no-row-of-its-own-spare-parts', parent: 'x', depth: 2 },
        { external_id: 'x', slug: 'no-row-of-its-own', parent: null, depth: 1 },
      ]);
    });

    it('changes nothing the second time, whatever the order of the rows', async () => {
      await load('tree.json', JSON.stringify(TREE));
      const before = await contents();
      const run = await load('tree.json', JSON.stringify(TREE, null, 2));
      expect(run.summary).toMatch(/categories\s+0 created, 0 updated, 7 unchanged/);
      expect(await contents()).toEqual(before);
    });

    it('reports broken elements with line and number while the good ones go in', async () => {
      const run = await load(
        'broken.json',
        `[\n${[JSON.stringify(node('a', null)), '{"id": "b",}', JSON.stringify(node('k', 'Kitchen')), '7'].join(',\n')}\n]`,
      );
      expect(run.isComplete).toBe(false);
      expect(run.refused).toEqual([
        'line 2: element 1: name is missing or not a text (id "a")',
        'line 3: element 2: the element is not valid JSON',
        'line 5: element 4: it is not an object',
      ]);
      expect((await contents()).categories).toMatchObject([{ slug: 'kitchen' }]);
    });

    it('keeps what came before the place where a file breaks off', async () => {
      const many = Array.from({ length: 3000 }, (_, i) => node(`c${String(i)}`, `Category ${String(i)}`));
      const whole = gzipSync(JSON.stringify(many));
      const run = await load('cut.json.gz', whole.subarray(0, whole.length / 2));
      expect(run).toMatchObject({
        isComplete: null,
        error: expect.stringContaining('compressed data ends early') as string,
      });
      const { categories } = await contents();
      expect(categories.length).toBeGreaterThan(100);
      expect(run.summary).toContain(`${String(categories.length)} created`);
    });

    it('hangs products from CSV under the categories of the tree with the same path', async () => {
      await load('tree.json', JSON.stringify(TREE));
      const run = await load('good.csv', csv(...MILL));
      expect(run.summary).toMatch(/categories\s+0 created, 0 updated, 2 unchanged/);
      expect(
        await rows('SELECT c.external_id FROM products p JOIN categories c ON c.id = p.category_id'),
      ).toEqual([{ external_id: 'm' }]);
    });
  });
});

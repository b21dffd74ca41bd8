// @ts-check
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { PrismaPg } from '@prisma/adapter-pg';
import {
  ColumnTypeEnum,
  DriverAdapterError,
  bindMigrationAwareSqlAdapterFactory,
} from '@prisma/driver-adapter-utils';
import * as bindings from '@prisma/schema-engine-wasm/schema_engine_bg';
import pg from 'pg';

/**
 * Prisma's schema engine as WebAssembly, because the native one is a download that an offline or
 * locked-down machine cannot make. It is the same engine, so migration folders and the migrations
 * table stay those of `prisma migrate`.
 *
 * The PostgreSQL adapter is mended in five places before the engine may use it, each marked below.
 */

/** Object ids of two PostgreSQL types: "char" and text. */
const CHAR_OID = 18;
const TEXT_OID = 25;

let isInstantiated = false;

/**
 * Lends a schema engine to `use` and closes its connections afterwards: the engine never does, and would
 * keep its advisory lock with them.
 *
 * @template T
 * @param {string} url
 * @param {{ files: { path: string, content: string }[] }} schema
 * @param {(engine: any) => Promise<T>} use
 * @returns {Promise<T>}
 */
export async function withSchemaEngine(url, schema, use) {
  await instantiate();
  const datamodels = schema.files.map(({ path, content }) => [path, content]);
  const adapters = new EngineAdapterFactory(url);
  const factory = bindMigrationAwareSqlAdapterFactory(/** @type {any} */ (adapters));
  try {
    const engine = await /** @type {any} */ (bindings).SchemaEngine.new({ datamodels }, () => {}, factory);
    return await use(engine);
  } finally {
    await adapters.disposeAll();
  }
}

async function instantiate() {
  if (isInstantiated) return;
  const require = createRequire(import.meta.url);
  const directory = dirname(require.resolve('@prisma/schema-engine-wasm/schema_engine_bg'));
  const { WebAssembly } = /** @type {any} */ (globalThis);
  const module = await WebAssembly.compile(readFileSync(join(directory, 'schema_engine_bg.wasm')));
  const instance = await WebAssembly.instantiate(module, { './schema_engine_bg.js': importsOfEngine() });
  /** @type {any} */ (bindings).__wbg_set_wasm(instance.exports);
  /** @type {any} */ (instance.exports).__wbindgen_start();
  isInstantiated = true;
}

/**
 * The engine guards its lock with a timer of 10 s that it never clears, which would keep every process
 * alive for that long. Its connections keep the process alive while there is work to do.
 */
function importsOfEngine() {
  const imports = { .../** @type {Record<string, any>} */ (bindings) };
  for (const name of Object.keys(imports)) {
    if (!name.startsWith('__wbg_setTimeout_')) continue;
    imports[name] = (/** @type {() => void} */ callback, /** @type {number} */ delayMs) =>
      setTimeout(callback, delayMs >>> 0).unref();
  }
  return imports;
}

class EngineAdapterFactory {
  provider = /** @type {const} */ ('postgres');
  adapterName = '@prisma/adapter-pg';

  /** @param {string} url */
  constructor(url) {
    this.config = connectionConfig(url);
    /** @type {{ dispose: () => Promise<void> }[]} */
    this.adapters = [];
  }

  async connect() {
    return this.#remember(await openAdapter(this.config, async () => {}));
  }

  async connectToShadowDb() {
    const database = `prisma_migrate_shadow_db_${globalThis.crypto.randomUUID()}`;
    await runOnce(this.config, `CREATE DATABASE "${database}"`);
    // Mended: a shadow database can only be dropped once nobody is connected to it.
    return this.#remember(
      await openAdapter({ ...this.config, database }, () =>
        runOnce(this.config, `DROP DATABASE IF EXISTS "${database}" WITH (FORCE)`),
      ),
    );
  }

  async disposeAll() {
    for (const adapter of this.adapters) await adapter.dispose();
  }

  /** @param {{ dispose: () => Promise<void> }} adapter */
  #remember(adapter) {
    this.adapters.push(adapter);
    return adapter;
  }
}

/**
 * @param {pg.PoolConfig} config
 * @param {() => Promise<void>} afterDispose
 */
async function openAdapter(config, afterDispose) {
  // Mended: one connection, because the engine's advisory lock belongs to a session.
  const pool = new pg.Pool({ ...config, max: 1 });
  pool.on('error', () => {});
  /** @type {any} */
  const adapter = await new PrismaPg(pool).connect();

  // Mended: the stock adapter splits at semicolons and commits each piece, which breaks functions and
  // leaves half of a failed migration behind. Sent as a whole, a script is one implicit transaction.
  adapter.executeScript = async (/** @type {string} */ script) => {
    try {
      await pool.query(script);
    } catch (error) {
      throw describeFailure(adapter, error, script);
    }
  };
  adapter.queryRaw = (/** @type {unknown} */ query) => queryWithCharType(adapter, query);
  const { startTransaction } = Object.getPrototypeOf(adapter);
  adapter.startTransaction = async (/** @type {unknown} */ isolationLevel) => {
    const transaction = await startTransaction.call(adapter, isolationLevel);
    transaction.queryRaw = (/** @type {unknown} */ query) => queryWithCharType(transaction, query);
    return transaction;
  };
  adapter.dispose = async () => {
    if (pool.ended || pool.ending) return;
    await pool.end();
    await afterDispose();
  };
  return adapter;
}

/**
 * Mended: the stock adapter refuses results of the type "char", which introspection reads. It is shown
 * a text column, and the engine is told the type it expects.
 *
 * @param {any} queryable
 * @param {unknown} query
 */
async function queryWithCharType(queryable, query) {
  /** @type {number[]} */
  const charColumns = [];
  const client = {
    query: async (/** @type {any} */ config) => {
      const result = await queryable.client.query(config);
      result.fields.forEach((/** @type {{ dataTypeID: number }} */ field, /** @type {number} */ index) => {
        if (field.dataTypeID !== CHAR_OID) return;
        charColumns.push(index);
        field.dataTypeID = TEXT_OID;
      });
      return result;
    },
  };
  const view = Object.create(queryable, { client: { value: client } });
  const resultSet = await Object.getPrototypeOf(queryable).queryRaw.call(view, query);
  for (const index of charColumns) resultSet.columnTypes[index] = ColumnTypeEnum.Character;
  return resultSet;
}

/**
 * Mended: a connection string would win over the name of the shadow database, and the "shadow" would
 * be the real one. Taking the string apart leaves nothing to win.
 *
 * @param {string} url
 * @returns {pg.PoolConfig}
 */
export function connectionConfig(url) {
  const { hostname, port, username, password, pathname, searchParams } = new URL(url);
  const sslMode = searchParams.get('sslmode');
  return {
    host: decodeURIComponent(hostname).replace(/^\[|\]$/g, ''),
    port: port === '' ? 5432 : Number(port),
    user: decodeURIComponent(username),
    password: decodeURIComponent(password),
    database: decodeURIComponent(pathname.slice(1)),
    ...(sslMode === null || sslMode === 'disable'
      ? {}
      : { ssl: { rejectUnauthorized: sslMode.startsWith('verify') } }),
  };
}

/**
 * @param {pg.PoolConfig} config
 * @param {string} sql
 */
async function runOnce(config, sql) {
  const client = new pg.Client(config);
  client.on('error', () => {});
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

/**
 * PostgreSQL's own words with the line in the script, of which it only knows the character. The stock
 * conversion keeps only the kind of many errors, which is of no use to the author of a migration.
 *
 * @param {any} adapter
 * @param {unknown} error
 * @param {string} script
 */
function describeFailure(adapter, error, script) {
  if (!(error instanceof pg.DatabaseError)) {
    try {
      adapter.onError(error);
    } catch (converted) {
      return converted;
    }
  }
  const {
    code,
    message: words,
    severity = 'ERROR',
    detail,
    column,
    hint,
    position,
  } = /** @type {pg.DatabaseError} */ (error);
  const line = position === undefined ? '' : `line ${String(lineOf(script, Number(position)))}, `;
  const message = `${words} (${line}SQLSTATE ${code ?? 'unknown'})`;
  // The engine has words of its own for many codes; only for one it does not know it keeps the message.
  return new DriverAdapterError({ kind: 'postgres', code: 'XX000', severity, message, detail, column, hint });
}

/**
 * @param {string} script
 * @param {number} position
 */
function lineOf(script, position) {
  return script.slice(0, position).split('\n').length;
}

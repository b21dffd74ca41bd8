// @ts-check
import { PrismaPg } from '@prisma/adapter-pg';
import { ColumnTypeEnum, DriverAdapterError } from '@prisma/driver-adapter-utils';
import pg from 'pg';

// Prisma's PostgreSQL adapter, mended in five places before the schema engine may use it. Each is marked.

/** Object ids of two PostgreSQL types: "char" and text. */
const CHAR_OID = 18;
const TEXT_OID = 25;

/**
 * The stock adapter's insides that the mends reach into.
 *
 * @typedef {object} PgQueryable
 * @property {{ query: (config: unknown) => Promise<{ fields: { dataTypeID: number }[] }> }} client
 * @property {(query: unknown) => Promise<ResultSet>} queryRaw
 *
 * @typedef {{ columnTypes: number[] }} ResultSet
 *
 * @typedef {object} PgAdapterMethods
 * @property {(script: string) => Promise<void>} executeScript
 * @property {(isolationLevel?: unknown) => Promise<PgQueryable>} startTransaction
 * @property {() => Promise<void>} dispose
 * @property {(error: unknown) => never} onError
 *
 * @typedef {PgQueryable & PgAdapterMethods} PgAdapter
 */

/** What the schema engine connects with; it makes and drops the shadow databases itself. */
export class EngineAdapterFactory {
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
  const stock = /** @type {unknown} */ (await new PrismaPg(pool).connect());
  const adapter = /** @type {PgAdapter} */ (stock);

  // Mended: the stock adapter splits at semicolons and commits each piece, which breaks functions and
  // leaves half of a failed migration behind. Sent as a whole, a script is one implicit transaction.
  adapter.executeScript = async (/** @type {string} */ script) => {
    try {
      await pool.query(script);
    } catch (error) {
      throw describeFailure(adapter, error, script);
    }
  };
  mendCharType(adapter);
  const startTransaction = adapter.startTransaction.bind(adapter);
  adapter.startTransaction = async (isolationLevel) => {
    const transaction = await startTransaction(isolationLevel);
    mendCharType(transaction);
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
 * @param {PgQueryable} queryable
 */
function mendCharType(queryable) {
  const { queryRaw } = queryable;
  queryable.queryRaw = async (query) => {
    /** @type {number[]} */
    const charColumns = [];
    const client = {
      query: async (/** @type {unknown} */ config) => {
        const result = await queryable.client.query(config);
        for (const [index, field] of result.fields.entries()) {
          if (field.dataTypeID !== CHAR_OID) continue;
          charColumns.push(index);
          field.dataTypeID = TEXT_OID;
        }
        return result;
      },
    };
    const view = /** @type {PgQueryable} */ (viewOf(queryable, client));
    const resultSet = await queryRaw.call(view, query);
    for (const index of charColumns) resultSet.columnTypes[index] = ColumnTypeEnum.Character;
    return resultSet;
  };
}

/**
 * The same object with another client.
 *
 * @param {object} queryable
 * @param {object} client
 * @returns {unknown}
 */
function viewOf(queryable, client) {
  return Object.create(queryable, { client: { value: client } });
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
    // The role's limits are for requests; a migration takes the time that it needs.
    options: '-c statement_timeout=0 -c lock_timeout=0 -c idle_in_transaction_session_timeout=0',
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
 * @param {PgAdapter} adapter
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

// @ts-check
import pg from 'pg';

/**
 * What no pool can enforce on sessions of the application, in the form of docs/operations.md. Migrations set
 * the first three aside for themselves.
 */
const ROLE_SETTINGS = {
  statement_timeout: '60s',
  lock_timeout: '30s',
  idle_in_transaction_session_timeout: '60s',
  // Only where the system tells of a client that has gone.
  ...(process.platform === 'linux' ? { client_connection_check_interval: '1s' } : {}),
};

/**
 * Creates the roles and the application's database where they are missing. The application's role
 * may create databases, because finding schema drift needs a shadow database.
 *
 * @param {string} superuserUrl
 * @param {import('./postgres-cluster.mjs').Credentials} credentials
 */
export async function ensureApplicationRole(superuserUrl, credentials) {
  const client = await connect(superuserUrl);
  try {
    await ensureRole(client, 'caudal_replication', 'REPLICATION', credentials.replicationPassword);
    await ensureRole(client, 'caudal', 'CREATEDB', credentials.applicationPassword);
    // Replication lag and pool use are read from pg_stat views that hide other roles' rows.
    await client.query('GRANT pg_monitor TO caudal');
    for (const [name, value] of Object.entries(ROLE_SETTINGS))
      await client.query(`ALTER ROLE caudal SET ${name} = '${value}'`);
    const { rowCount } = await client.query("SELECT 1 FROM pg_database WHERE datname = 'caudal'");
    if (rowCount === 0) await client.query('CREATE DATABASE caudal OWNER caudal');
  } finally {
    await client.end();
  }
}

/**
 * @param {string} url
 * @param {string} sql
 * @param {unknown[]} [parameters]
 * @returns {Promise<Record<string, unknown>[]>}
 */
export async function queryAsSuperuser(url, sql, parameters = []) {
  const client = await connect(url);
  try {
    const { rows } = /** @type {{ rows: Record<string, unknown>[] }} */ (await client.query(sql, parameters));
    return rows;
  } finally {
    await client.end();
  }
}

/** @param {string} url */
async function connect(url) {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  // A connection that breaks while idle must not end the process; the next query reports it.
  client.on('error', () => {});
  await client.connect();
  return client;
}

/**
 * @param {pg.Client} client
 * @param {string} role
 * @param {string} attribute
 * @param {string} password
 */
async function ensureRole(client, role, attribute, password) {
  const { rowCount } = await client.query('SELECT 1 FROM pg_roles WHERE rolname = $1', [role]);
  if (rowCount === 0) {
    await client.query(`CREATE ROLE ${role} LOGIN ${attribute} PASSWORD ${client.escapeLiteral(password)}`);
  }
}

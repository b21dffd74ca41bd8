// Buyers for a load run: rows in `users` (orders refer to them) and access tokens for them.
import { createHash, randomBytes } from 'node:crypto';
import pg from 'pg';
import { v7 as uuidv7 } from 'uuid';
import { createAccessTokenSigner } from './access-token-signer.mjs';
import { getDatabaseUrl, getPrivateKeyPem, LocalInstallationError } from './local-installation.mjs';

/** One insert of this many rows takes about 50 ms; more only makes the parameters larger. */
const INSERT_BATCH = 5_000;

/** Tokens signed at once: enough to keep libuv's pool busy without 100,000 pending promises. */
const SIGN_BATCH = 256;

/**
 * @typedef {object} Buyer
 * @property {string} id user id
 * @property {string} token access token
 */

/**
 * @typedef {object} IssuedBuyers
 * @property {string} expiresAt RFC 3339, when every token below has expired
 * @property {Buyer[]} buyers
 * @property {Buyer | null} admin the administrator of this installation; null when it has none
 */

/**
 * Makes the first `count` load buyers exist and signs a token for each and for the administrator.
 * The accounts are the same in every run, so a hundred demos leave no more rows than one.
 *
 * @param {import('./local-installation.mjs').LocalInstallation} installation
 * @param {{ count: number, lifetimeSeconds: number }} request
 * @returns {Promise<IssuedBuyers>}
 */
export async function issueBuyers(installation, { count, lifetimeSeconds }) {
  const signToken = createAccessTokenSigner(getPrivateKeyPem(installation));
  const { buyerIds, admin } = await withDatabase(getDatabaseUrl(installation), async (client) => ({
    buyerIds: await ensureBuyerAccounts(client, count),
    admin: await findAdministrator(client),
  }));

  const expiresAt = new Date(Date.now() + lifetimeSeconds * 1000).toISOString();
  /** @type {Buyer[]} */
  const buyers = [];
  for (let start = 0; start < buyerIds.length; start += SIGN_BATCH) {
    const batch = buyerIds.slice(start, start + SIGN_BATCH).map(async (id) => ({
      id,
      token: await signToken({ userId: id, role: 'customer' }, lifetimeSeconds),
    }));
    buyers.push(...(await Promise.all(batch)));
  }
  return {
    expiresAt,
    buyers,
    admin: admin && {
      id: admin.id,
      token: await signToken({ userId: admin.id, role: admin.role }, lifetimeSeconds),
    },
  };
}

/**
 * @template T
 * @param {string} databaseUrl
 * @param {(client: pg.Client) => Promise<T>} work
 * @returns {Promise<T>}
 */
async function withDatabase(databaseUrl, work) {
  const client = new pg.Client({
    connectionString: databaseUrl,
    connectionTimeoutMillis: 5_000,
    query_timeout: 30_000,
  });
  try {
    await client.connect();
  } catch (error) {
    throw new LocalInstallationError(
      `Cannot reach the database: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/**
 * @param {pg.Client} client
 * @param {number} count
 * @returns {Promise<string[]>} ids, the n-th buyer at index n
 */
async function ensureBuyerAccounts(client, count) {
  /** @type {string[]} */
  const ids = [];
  for (let start = 0; start < count; start += INSERT_BATCH) {
    const size = Math.min(INSERT_BATCH, count - start);
    const emailHashes = Array.from({ length: size }, (_, i) => buyerEmailHash(start + i));
    ids.push(...(await ensureAccountBatch(client, emailHashes)));
  }
  return ids;
}

/**
 * @param {pg.Client} client
 * @param {Buffer[]} emailHashes
 * @returns {Promise<string[]>} ids in the order of the hashes
 */
async function ensureAccountBatch(client, emailHashes) {
  // The ciphertexts are noise and the password hash is no hash: nobody can sign in as a load
  // buyer, and nothing decrypts their names.
  await client.query(
    `INSERT INTO users (id, email_hash, email_ciphertext, name_ciphertext, password_hash, role, created_at, updated_at)
     SELECT new_id, email_hash, $3, $3, '!', 'customer', now(), now()
       FROM unnest($1::uuid[], $2::bytea[]) AS buyer(new_id, email_hash)
     ON CONFLICT (email_hash) DO NOTHING`,
    [emailHashes.map(() => uuidv7()), emailHashes, randomBytes(48)],
  );
  /** @type {pg.QueryResult<{ id: string }>} */
  const { rows } = await client.query(
    `SELECT users.id
       FROM unnest($1::bytea[]) WITH ORDINALITY AS buyer(email_hash, position)
       JOIN users USING (email_hash)
      ORDER BY position`,
    [emailHashes],
  );
  return rows.map((row) => row.id);
}

/**
 * Real addresses are hashed with a secret key, so an unkeyed hash collides with none of them.
 *
 * @param {number} index
 * @returns {Buffer}
 */
function buyerEmailHash(index) {
  return createHash('sha256')
    .update(`caudal load buyer ${String(index)}`)
    .digest();
}

/**
 * @param {pg.Client} client
 * @returns {Promise<{ id: string, role: string } | null>}
 */
async function findAdministrator(client) {
  /** @type {pg.QueryResult<{ id: string, role: string }>} */
  const { rows } = await client.query(
    `SELECT id, role::text AS role FROM users
      WHERE role::text IN ('superadmin', 'admin') ORDER BY created_at LIMIT 1`,
  );
  return rows[0] ?? null;
}

// Buyers for a load run: rows in `users` (orders refer to them) and access tokens for them.
import { createHash } from 'node:crypto';
import pg from 'pg';
import { v7 as uuidv7 } from 'uuid';
import { createAccessTokenSigner } from './access-token-signer.mjs';
import { createFieldEncryptor } from './field-encryptor.mjs';
import {
  getDatabaseUrl,
  getFieldEncryptionKeys,
  getPrivateKeyPem,
  LocalInstallationError,
} from './local-installation.mjs';

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
  const encryptor = createFieldEncryptor(getFieldEncryptionKeys(installation));
  const { buyerIds, admin } = await withDatabase(getDatabaseUrl(installation), async (client) => ({
    buyerIds: await ensureBuyerAccounts(client, encryptor, count),
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
 * @typedef {object} Account
 * @property {string} id
 * @property {Buffer} emailHash
 * @property {Buffer} emailCiphertext
 * @property {Buffer} nameCiphertext
 */

/**
 * @param {pg.Client} client
 * @param {import('./field-encryptor.mjs').FieldEncryptor} encryptor
 * @param {number} count
 * @returns {Promise<string[]>} ids, the n-th buyer at index n
 */
async function ensureBuyerAccounts(client, encryptor, count) {
  /** @type {string[]} */
  const ids = [];
  for (let start = 0; start < count; start += INSERT_BATCH) {
    const size = Math.min(INSERT_BATCH, count - start);
    ids.push(...(await ensureAccountBatch(client, encryptor, start, size)));
  }
  return ids;
}

/**
 * @param {pg.Client} client
 * @param {import('./field-encryptor.mjs').FieldEncryptor} encryptor
 * @param {number} start index of the first buyer
 * @param {number} size
 * @returns {Promise<string[]>} ids in the order of the buyers
 */
async function ensureAccountBatch(client, encryptor, start, size) {
  const emailHashes = Array.from({ length: size }, (_, i) => buyerEmailHash(start + i));
  const known = await findAccounts(client, emailHashes, encryptor.header);
  // Also those that are there but under another key, or that earlier versions wrote as noise.
  const wanting = known.flatMap(({ id, isReadable }, i) =>
    isReadable ? [] : [accountOf(encryptor, id ?? uuidv7(), start + i)],
  );
  if (wanting.length === 0) return known.map(({ id }) => id ?? '');
  await writeAccounts(client, wanting);
  return (await findAccounts(client, emailHashes, encryptor.header)).map(({ id }) => id ?? '');
}

/**
 * @param {pg.Client} client
 * @param {Buffer[]} emailHashes
 * @param {Buffer} header of the ciphertexts that can be read
 * @returns {Promise<{ id: string | null, isReadable: boolean }[]>} in the order of the hashes; no id
 *   where there is no account
 */
async function findAccounts(client, emailHashes, header) {
  /** @type {pg.QueryResult<{ id: string | null, isReadable: boolean }>} */
  const { rows } = await client.query(
    `SELECT users.id,
            coalesce(substring(email_ciphertext FOR length($2::bytea)) = $2
              AND substring(name_ciphertext FOR length($2::bytea)) = $2, false) AS "isReadable"
       FROM unnest($1::bytea[]) WITH ORDINALITY AS buyer(email_hash, position)
       LEFT JOIN users USING (email_hash)
      ORDER BY position`,
    [emailHashes, header],
  );
  return rows;
}

/**
 * The password hash is no hash: nobody can sign in as a load buyer. An account that somebody else has
 * made meanwhile stays as it is: the ciphertexts belong to an id.
 *
 * @param {pg.Client} client
 * @param {Account[]} accounts
 */
async function writeAccounts(client, accounts) {
  if (accounts.length === 0) return;
  await client.query(
    `INSERT INTO users (id, email_hash, email_ciphertext, name_ciphertext, password_hash, role, created_at, updated_at)
     SELECT id, email_hash, email_ciphertext, name_ciphertext, '!', 'customer', now(), now()
       FROM unnest($1::uuid[], $2::bytea[], $3::bytea[], $4::bytea[])
         AS buyer(id, email_hash, email_ciphertext, name_ciphertext)
     ON CONFLICT (email_hash) DO UPDATE
       SET email_ciphertext = excluded.email_ciphertext, name_ciphertext = excluded.name_ciphertext
     WHERE users.id = excluded.id`,
    [
      accounts.map(({ id }) => id),
      accounts.map(({ emailHash }) => emailHash),
      accounts.map(({ emailCiphertext }) => emailCiphertext),
      accounts.map(({ nameCiphertext }) => nameCiphertext),
    ],
  );
}

/**
 * @param {import('./field-encryptor.mjs').FieldEncryptor} encryptor
 * @param {string} id
 * @param {number} index
 * @returns {Account} its contexts are those of src/modules/users/users.service.ts
 */
function accountOf(encryptor, id, index) {
  return {
    id,
    emailHash: buyerEmailHash(index),
    emailCiphertext: encryptor.encrypt(`load-buyer-${String(index)}@example.com`, `users.email:${id}`),
    nameCiphertext: encryptor.encrypt(`Load Buyer ${String(index)}`, `users.name:${id}`),
  };
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

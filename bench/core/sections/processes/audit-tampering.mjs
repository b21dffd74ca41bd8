// What somebody with full access to PostgreSQL can do to a chain of the audit log (goal A5).
import { newId } from '../../../../dist/common/ids.js';

/**
 * @typedef {object} Target
 * @property {import('pg').Pool} database
 * @property {number} chain
 * @property {number} at a position from 1 to `length`
 * @property {number} length of the chain
 * @property {() => number} random from 0 to 1
 */

/** @param {string} change @returns {(target: Target) => Promise<number>} */
const edit =
  (change) =>
  async ({ database, chain, at }) => {
    await database.query(`UPDATE audit_entries SET ${change} WHERE chain = $1 AND seq = $2`, [chain, at]);
    return at;
  };

/**
 * Each tampers and tells the first position that is wrong then.
 *
 * @type {((target: Target) => Promise<number>)[]}
 */
export const TAMPERINGS = [
  edit("actor = 'user:else'"),
  edit("action = 'thing.seen'"),
  edit("resource = resource || '0'"),
  edit(`details = jsonb_set(details, '{after,totalMinor}', '1')`),
  edit("details = details - 'requestId'"),
  edit("occurred_at = occurred_at + interval '1 millisecond'"),
  edit('id = gen_random_uuid()'),
  edit("hash = sha256('forged')"),
  edit('actor = actor || left(action, 1), action = substr(action, 2)'),
  // Borders moved by what stands between fields in the text that is hashed.
  edit(`actor = actor || E'\\x1f' || action, action = resource, resource = ''`),
  edit(`action = action || E'\\x1f' || resource, resource = details::text`),
  edit("occurred_at = 'infinity'"),
  // Deleted.
  async ({ database, chain, at }) => {
    await database.query('DELETE FROM audit_entries WHERE chain = $1 AND seq = $2', [chain, at]);
    return at;
  },
  // Inserted.
  async ({ database, chain, at }) => {
    await database.query(
      `INSERT INTO audit_entries (id, occurred_at, chain, seq, actor, action, resource, details, hash)
       SELECT $3, occurred_at, chain, seq, actor, action, resource, details, hash
       FROM audit_entries WHERE chain = $1 AND seq = $2`,
      [chain, at, newId()],
    );
    return at;
  },
  // Inserted where no position is: in front of the first.
  async ({ database, chain, at }) => {
    await database.query(
      `INSERT INTO audit_entries (id, occurred_at, chain, seq, actor, action, resource, details, hash)
       SELECT $3, occurred_at, chain, -seq, actor, action, resource, details, hash
       FROM audit_entries WHERE chain = $1 AND seq = $2`,
      [chain, at, newId()],
    );
    return -at;
  },
  // Exchanged with the neighbour.
  async ({ database, chain, at, length }) => {
    const first = Math.min(at, length - 1);
    await database.query(
      'UPDATE audit_entries SET seq = CASE seq WHEN $2 THEN $3 ELSE $2 END WHERE chain = $1 AND seq IN ($2, $3)',
      [chain, first, first + 1],
    );
    return first;
  },
  // The tail cut off, and the chain's own row set back.
  async ({ database, chain, at }) => {
    await database.query('DELETE FROM audit_entries WHERE chain = $1 AND seq >= $2', [chain, at]);
    await database.query(
      `UPDATE audit_chains SET seq = $2, hash =
         (SELECT hash FROM audit_entries WHERE chain = $1 AND seq = $2) WHERE chain = $1`,
      [chain, at - 1],
    );
    return at;
  },
  // A stretch deleted.
  async ({ database, chain, at, length, random }) => {
    const end = at + Math.floor(random() * (length - at + 1));
    await database.query('DELETE FROM audit_entries WHERE chain = $1 AND seq BETWEEN $2 AND $3', [
      chain,
      at,
      end,
    ]);
    return at;
  },
  // Everything, with the row of the chain.
  async ({ database, chain }) => {
    await database.query('DELETE FROM audit_entries WHERE chain = $1', [chain]);
    await database.query('UPDATE audit_chains SET seq = 0, hash = NULL WHERE chain = $1', [chain]);
    return 1;
  },
];

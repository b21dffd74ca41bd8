import { Pool, type PoolClient, type PoolConfig } from 'pg';
import type { Counter } from 'prom-client';

export type PoolName = 'write' | 'read';

type Query = PoolClient['query'];

/** A node-postgres pool that counts each statement it sends, BEGIN and COMMIT among them. */
export function createCountedPool(name: PoolName, options: PoolConfig, statements: Counter<'pool'>): Pool {
  const pool = new Pool(options);
  pool.on('connect', (client) => {
    const query = client.query.bind(client) as (...args: unknown[]) => unknown;
    client.query = ((...args: unknown[]) => {
      statements.inc({ pool: name });
      return query(...args);
    }) as Query;
    // The pool listens only while the connection is idle; one that is lost in the middle of a transaction
    // rejects its statement as well, and without a listener it also ends the process.
    client.on('error', () => undefined);
  });
  // An idle connection that the server ends is replaced by the pool; without a listener it ends the process.
  pool.on('error', () => undefined);
  return pool;
}

import type { PoolClient, QueryResult } from 'pg';
import { isDatabaseUnavailable, sqlStateOf } from './database-errors.js';
import { DatabaseOutageError, NotWriterError } from './database-outages.js';
import { destroyConnection } from './node-pool.js';
import { SqlTransaction } from './sql-transaction.js';
import { parseWalPosition, type WalPosition } from './wal-position.js';
import type { WriterFollower } from './writer-follower.js';

/** At or behind it lies everything that was committed before; null on a node in recovery. */
const CURRENT_POSITION =
  'SELECT CASE WHEN NOT pg_is_in_recovery() THEN pg_current_wal_insert_lsn() END::text AS position';

/** The timeline of the node in front of a WAL file's name; null in recovery. It costs no round trip. */
const TIMELINE =
  'SELECT CASE WHEN NOT pg_is_in_recovery() THEN left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) END AS timeline';

interface PositionRow {
  readonly position: string | null;
}

/** The work ran longer than DATABASE_TRANSACTION_TIMEOUT_MS. */
class TransactionDeadlineError extends DatabaseOutageError {
  constructor() {
    super('the transaction has exceeded its deadline');
  }
}

export interface SqlTransactionsOptions {
  readonly follower: WriterFollower;
  readonly statementTimeoutMs: number;
  readonly transactionTimeoutMs: number;
}

/**
 * Transactions of hand-written statements on the writer. BEGIN carries the deadlines of the statements
 * (SET LOCAL, which PgBouncer's transaction mode supports) and asks for the timeline, so that nothing is
 * written where another node has been promoted, whatever the connection has come to lead to.
 */
export class SqlTransactions {
  private readonly begin: string;

  constructor(private readonly options: SqlTransactionsOptions) {
    const deadlineMs = String(options.statementTimeoutMs);
    this.begin = [
      'BEGIN',
      `SET LOCAL statement_timeout = ${deadlineMs}`,
      `SET LOCAL lock_timeout = ${deadlineMs}`,
      `SET LOCAL idle_in_transaction_session_timeout = ${deadlineMs}`,
      TIMELINE,
    ].join('; ');
  }

  /** Committed when it resolves; when the error comes from COMMIT itself the outcome is unknown. */
  run<T>(work: (transaction: SqlTransaction) => Promise<T>): Promise<T> {
    return this.onConnection('pool', async (client) => {
      this.options.follower.admit(toState(await client.query(this.begin)));
      const result = await work(new SqlTransaction(client));
      await client.query('COMMIT');
      return result;
    });
  }

  /**
   * Two round trips: `look` goes out with BEGIN, what `act` sends with COMMIT. PostgreSQL makes a ROLLBACK of
   * that COMMIT when one of the statements before it fails; when `act` itself fails it is not sent. The position
   * is behind the COMMIT.
   */
  async runAfter<Seen, T>(
    look: (transaction: SqlTransaction) => Promise<Seen>,
    act: (transaction: SqlTransaction, seen: Seen) => Promise<T>,
  ): Promise<{ result: T; position: WalPosition }> {
    return this.onConnection('reserved', async (client) => {
      const transaction = new SqlTransaction(client);
      const [begun, seen] = await Promise.all([client.query(this.begin), look(transaction)]);
      this.options.follower.admit(toState(begun));
      const acted = act(transaction, seen);
      await failFast(acted);
      transaction.end();
      const [result, ended, { rows }] = await Promise.all([
        acted,
        client.query('COMMIT'),
        client.query<PositionRow>(CURRENT_POSITION),
      ]);
      if (ended.command !== 'COMMIT') throw new Error(`COMMIT was answered with ${ended.command}`);
      return { result, position: toPosition(rows) };
    });
  }

  /** A position at or behind which everything lies that was committed on the writer before the call. */
  async currentPosition(): Promise<WalPosition> {
    const { rows } = await this.options.follower.current.pool.query<PositionRow>(CURRENT_POSITION);
    return toPosition(rows);
  }

  private async onConnection<T>(
    from: 'pool' | 'reserved',
    transact: (client: PoolClient) => Promise<T>,
  ): Promise<T> {
    const { follower } = this.options;
    const client = await follower.current[from].connect();
    const deadline = this.limit(client);
    let broken: Error | undefined;
    try {
      return await transact(client);
    } catch (error) {
      follower.suspect(error);
      broken = await rollBack(client, error);
      throw deadline.isOver() ? new TransactionDeadlineError() : error;
    } finally {
      deadline.clear();
      client.release(broken);
    }
  }

  /** Closes the connection when the time is over: whatever the transaction waits for then fails. */
  private limit(client: PoolClient): { isOver: () => boolean; clear: () => void } {
    let isOver = false;
    const timer = setTimeout(() => {
      isOver = true;
      destroyConnection(client);
    }, this.options.transactionTimeoutMs);
    return {
      isOver: () => isOver,
      clear: () => {
        clearTimeout(timer);
      },
    };
  }
}

/**
 * Rejects when the promise has been rejected by the time that all which needs no input or output is done: what
 * fails between two statements, in this process, must not have the first of them committed.
 */
async function failFast(acted: Promise<unknown>): Promise<void> {
  await Promise.race([
    acted,
    new Promise((resolve) => {
      process.nextTick(resolve);
    }),
  ]);
}

function toPosition([row]: readonly PositionRow[]): WalPosition {
  const position = row?.position ?? null;
  if (position === null) throw new NotWriterError('the node is in recovery');
  return parseWalPosition(position);
}

/** Of the answers to BEGIN and what goes with it the last one is the timeline. */
function toState(begun: unknown): { isStandby: boolean; timeline: number } {
  const results = begun as QueryResult<{ timeline: string | null }>[];
  const timeline = results.at(-1)?.rows[0]?.timeline ?? null;
  return { isStandby: timeline === null, timeline: timeline === null ? 0 : parseInt(timeline, 16) };
}

/** Undefined when the connection can be used again; otherwise why it cannot. */
async function rollBack(client: PoolClient, error: unknown): Promise<Error | undefined> {
  // A server that did not answer at all would not answer this either, and the caller waits for it.
  const isSilent = isDatabaseUnavailable(error) && sqlStateOf(error) === null;
  if (isSilent) return error instanceof Error ? error : new Error(String(error));
  try {
    await client.query('ROLLBACK');
    return undefined;
  } catch (failure) {
    return failure instanceof Error ? failure : new Error(String(failure));
  }
}

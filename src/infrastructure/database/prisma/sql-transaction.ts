import type { PoolClient, QueryResult, QueryResultRow } from 'pg';

/** A value that node-postgres sends as one parameter. */
export type SqlParameter =
  | string
  | number
  | bigint
  | boolean
  | Date
  | Buffer
  | null
  | readonly (string | number | boolean | Buffer | null)[];

/**
 * One open transaction on one connection of the write pool. Given as an explicit argument to every
 * repository that takes part; there is no ambient transaction.
 *
 * Statements that are issued without waiting for each other travel in one round trip. They still run one
 * after the other, in the order in which they were issued, each with a snapshot of its own (READ
 * COMMITTED); after one that fails the others fail as well.
 */
export class SqlTransaction {
  private isEnded = false;

  constructor(private readonly client: PoolClient) {}

  /** Its COMMIT goes out: whatever came behind that would stand alone. */
  end(): void {
    this.isEnded = true;
  }

  /** `Row` is the caller's claim about the shape; bigint columns arrive as strings. */
  async query<Row extends QueryResultRow>(
    text: string,
    values: readonly SqlParameter[] = [],
  ): Promise<Row[]> {
    const result = await this.send<Row>(text, values);
    return result.rows;
  }

  /** The number of rows the statement touched. */
  async execute(text: string, values: readonly SqlParameter[] = []): Promise<number> {
    const result = await this.send(text, values);
    return result.rowCount ?? 0;
  }

  private send<Row extends QueryResultRow>(
    text: string,
    values: readonly SqlParameter[],
  ): Promise<QueryResult<Row>> {
    if (this.isEnded) throw new Error('a statement came behind the COMMIT of its transaction');
    return this.client.query<Row>(text, [...values]);
  }
}

import { SqlTransaction } from '../../infrastructure/database/prisma/index.js';
import { EventOutbox } from './event-outbox.js';

describe('the outbox without tracing', () => {
  it('writes all events in one statement, and no trace', async () => {
    const statements: { text: string; rows: Record<string, unknown>[] }[] = [];
    const client = {
      query: (text: string, [, , rows]: [string, number, string]) => {
        statements.push({ text, rows: JSON.parse(rows) as Record<string, unknown>[] });
        return Promise.resolve({ rowCount: 2 });
      },
    };
    const transaction = new SqlTransaction(
      client as unknown as ConstructorParameters<typeof SqlTransaction>[0],
    );
    const outbox = new EventOutbox();
    expect(outbox.isTraced).toBe(false);
    const traceparent = `00-${'ab'.repeat(16)}-${'cd'.repeat(8)}-01`;
    await outbox.append(transaction, [
      { type: 'a.v1', aggregateId: 'x', payload: { n: 1 }, isBroadcast: true, audit: 'said', traceparent },
      { type: 'b.v1', aggregateId: 'y', payload: {}, isBroadcast: false },
    ]);
    expect(statements.map(({ rows }) => rows.map((row) => Object.keys(row)))).toEqual([
      [
        ['id', 'type', 'aggregate_id', 'payload', 'is_broadcast', 'audit'],
        ['id', 'type', 'aggregate_id', 'payload', 'is_broadcast'],
      ],
    ]);
    expect(statements[0]?.text).not.toContain(traceparent);
  });
});

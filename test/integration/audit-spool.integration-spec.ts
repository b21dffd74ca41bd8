import { readdirSync } from 'node:fs';
import type { AuditEvent } from '../../src/core/audit-log/audit-log.js';
import { AuditLogUnderTest } from '../support/audit-log-under-test.js';
import { startTestServices, type TestServices } from '../support/services/index.js';
import { Shop } from '../support/shop.builder.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { waitFor } from '../support/wait-for.js';

const event = (n: number): AuditEvent => ({
  class: 'security',
  actor: 'system:test',
  action: 'thing.changed',
  resource: 'thing:1',
  after: { n },
});

describe('the audit log without Redis', () => {
  let services: TestServices;
  let database: Shop;
  let audit: AuditLogUnderTest;
  let directory: string;

  beforeEach(async () => {
    services = await startTestServices();
    database = new Shop(services.databaseUrl);
    directory = temporaryFolder('caudal-spool');
    audit = await AuditLogUnderTest.start(services, {
      AUDIT_SPOOL_DIR: directory,
      AUDIT_PARTITIONS: '2',
      REDIS_COMMAND_TIMEOUT_MS: '300',
    });
  });

  afterEach(async () => {
    await audit.close();
    await database.close();
    await services.close();
  });

  const numbers = async (): Promise<number[]> => {
    const rows = await database.rows<{ n: number }>(
      "SELECT (details -> 'after' ->> 'n')::integer AS n FROM audit_entries ORDER BY chain, seq",
    );
    return rows.map(({ n }) => n);
  };

  it.each(['SIGSTOP', 'SIGKILL'] as const)(
    'keeps what comes during a %s on the disk, and brings it in its order when Redis is back',
    async (signal) => {
      expect(await audit.log.record(event(0))).toBe('redis');
      services.redis.kill(signal);
      const receipts: string[] = [];
      for (let n = 1; n <= 50; n += 1) receipts.push(await audit.log.record(event(n)));
      expect(new Set(receipts)).toEqual(new Set(['disk']));
      expect(audit.producer.spoolBytes).toBeGreaterThan(0);
      if (signal === 'SIGSTOP') services.redis.kill('SIGCONT');
      else await services.redis.restart();
      await waitFor('the spool to empty', () => audit.producer.spoolBytes === 0, 20_000);
      expect(await audit.log.record(event(51))).toBe('redis');
      await waitFor('the last entry', async () => (await numbers()).includes(51), 20_000);
      // The one before the kill may have died with a Redis that keeps nothing.
      const found = (await numbers()).filter((n) => n > 0);
      expect(found).toEqual(Array.from({ length: 51 }, (_, i) => i + 1));
      expect(readdirSync(directory)).toEqual([]);
    },
  );

  it('shows an entry that was edited in the database, by its position', async () => {
    for (let n = 0; n < 20; n += 1) await audit.log.record(event(n));
    await waitFor('all entries', async () => (await numbers()).length === 20);
    const [row] = await database.rows<{ chain: number; seq: string }>(
      "UPDATE audit_entries SET actor = 'user:else' WHERE (details -> 'after' ->> 'n') = '12' RETURNING chain, seq",
    );
    const { checkpoints } = await audit.checkpoints.read();
    const { fault } = await audit.verifier.verify(row?.chain ?? -1, checkpoints);
    expect(fault).toMatchObject({ kind: 'altered', seq: Number(row?.seq) });
  });
});

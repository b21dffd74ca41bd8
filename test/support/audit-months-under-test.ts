import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { newId } from '../../src/common/ids.js';
import type { ChainFault } from '../../src/core/audit-log/chain-verifier.js';
import { periodOf, shift } from '../../src/core/partitioning/index.js';
import { AuditLogUnderTest } from './audit-log-under-test.js';
import type { TestServices } from './services/index.js';
import { Shop } from './shop.builder.js';

const PRESENT = periodOf(new Date(), 'month');

/** The name of a partition's month, so many before the present one. */
export const monthAgo = (count: number): string => shift(PRESENT, 'month', -count).suffix;

/** An audit log with a past: entries of months that are over, in chains whose links are genuine. */
export class AuditMonthsUnderTest {
  private n = 0;

  private constructor(
    private readonly services: TestServices,
    readonly database: Shop,
    readonly directory: string,
    readonly env: Record<string, string>,
    public audit: AuditLogUnderTest,
  ) {}

  /** Keeps one full month besides the present one, and has partitions for the four before it. */
  static async start(
    services: TestServices,
    env: Record<string, string> = {},
  ): Promise<AuditMonthsUnderTest> {
    const database = new Shop(services.databaseUrl);
    const directory = mkdtempSync(join(tmpdir(), 'caudal-months-'));
    const settings = {
      AUDIT_PARTITIONS: '2',
      AUDIT_RETENTION_MONTHS: '1',
      AUDIT_CHECKPOINT_DIR: join(directory, 'checkpoints'),
      AUDIT_ARCHIVE_DIR: join(directory, 'archive'),
      ...env,
    };
    const audit = await AuditLogUnderTest.start(services, settings, { consumes: false });
    await audit.redis.client('main').flushall();
    await database.rows(
      'TRUNCATE audit_entries, audit_chains, audit_retirements, outbox_events, outbox_batches',
    );
    const past = new AuditMonthsUnderTest(services, database, directory, settings, audit);
    for (let ago = 1; ago <= 4; ago += 1) await past.ensure(ago);
    return past;
  }

  async close(): Promise<void> {
    await this.audit.close();
    await this.database.close();
    rmSync(this.directory, { recursive: true, force: true });
  }

  async ensure(ago: number): Promise<void> {
    const { from, to, suffix } = shift(PRESENT, 'month', -ago);
    await this.database.rows('SELECT ensure_partition($1, $2, $3, $4)', ['audit_entries', from, to, suffix]);
  }

  /** What another process has: connections and a memory of its own. */
  another(): Promise<AuditLogUnderTest> {
    return AuditLogUnderTest.start(this.services, this.env, { consumes: false });
  }

  /** Appends one entry for each of the months, so many ago each, in this order. */
  async append(chain: number, months: readonly number[]): Promise<void> {
    const entries = months.map((ago) => {
      this.n += 1;
      const { from } = shift(PRESENT, 'month', -ago);
      return {
        id: idAt(from.getTime() + (ago === 0 ? 0 : 3_600_000) + this.n),
        actor: 'user:naïve "1"',
        action: 'thing.changed',
        resource: `thing:${String(this.n % 3)}`,
        details: `{"after": {"1": 1e21, "n": ${String(this.n)}, "text": "a\u2028\\n,\\"details\\":"}, "class": "security"}`,
      };
    });
    const owned = await this.audit.sink.take(chain, newId(), { leaseMs: 60_000, force: true });
    if (owned === null) throw new Error('the chain was not given');
    const stored = entries.map((entry) => ({ ...entry, details: canonical(entry.details) }));
    const { head } = await this.audit.sink.append(owned, stored, false);
    this.audit.checkpoints.note(chain, head);
  }

  /** What the verifier finds first, over all chains; null when everything is what was written. */
  async fault(audit = this.audit): Promise<ChainFault | null> {
    const { checkpoints } = await audit.checkpoints.read();
    const { ranges } = await audit.retirements.read();
    for (const chain of await audit.verifier.chains([...checkpoints, ...ranges])) {
      const { fault } = await audit.verifier.verify(chain, checkpoints, { retired: ranges });
      if (fault !== null) return fault;
    }
    return null;
  }

  /** The months that have a table, attached or not. */
  async tables(): Promise<string[]> {
    const rows = await this.database.rows<{ name: string }>(
      `SELECT relname AS name FROM pg_class WHERE relkind = 'r' AND relname ~ '^audit_entries_[0-9]+$' ORDER BY 1`,
    );
    return rows.map(({ name }) => name.slice('audit_entries_'.length));
  }

  async count(sql: string): Promise<number> {
    const [row] = await this.database.rows<{ count: number }>(
      `SELECT count(*)::integer AS count FROM ${sql}`,
    );
    return row?.count ?? 0;
  }

  /** How many entries each retirement was of, in the order in which PostgreSQL was told of them. */
  async retiredCounts(): Promise<number[]> {
    const rows = await this.database.rows<{ entries: number }>(
      `SELECT substring(record FROM '"entries":([0-9]+)')::integer AS entries
       FROM audit_retirements ORDER BY retired_at, month`,
    );
    return rows.map(({ entries }) => entries);
  }

  /** Runs until a run says that there is nothing more. */
  async retire(audit = this.audit): Promise<void> {
    while (await audit.retention.run());
  }
}

function idAt(timeMs: number): string {
  const hex = randomBytes(10).toString('hex');
  const time = timeMs.toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7${hex.slice(0, 3)}-8${hex.slice(3, 6)}-${hex.slice(6, 18)}`;
}

/** As jsonb prints it: shorter names first, and numbers in full. */
function canonical(details: string): string {
  return details.replace('1e21', '1000000000000000000000');
}

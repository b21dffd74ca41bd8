import fc from 'fast-check';
import { newId } from '../../src/common/ids.js';
import {
  type AuditEntry,
  auditLine,
  FIELD_SEPARATOR,
  parseEntry,
} from '../../src/core/audit-log/audit-entry.js';
import type { AuditEvent } from '../../src/core/audit-log/audit-log.js';
import { canonicalJson } from '../../src/core/audit-log/canonical-json.js';
import { redisKeys } from '../../src/infrastructure/redis/index.js';
import { AuditLogUnderTest } from '../support/audit-log-under-test.js';
import { startTestServices, type TestServices } from '../support/services/index.js';
import { Shop } from '../support/shop.builder.js';
import { waitFor } from '../support/wait-for.js';

const PARTITIONS = 3;
const ENV = { AUDIT_PARTITIONS: String(PARTITIONS) };

function event(n: number, resource = `thing:${String(n % 7)}`): AuditEvent {
  return {
    class: 'security',
    actor: 'user:0193',
    action: 'thing.changed',
    resource,
    cause: 'a test',
    before: { n: n - 1 },
    after: { n, name: `naïve "${String(n)}" ✂`, password: 'hunter2' },
    origin: { requestId: `request-${String(n)}`, traceId: null, ip: '192.0.2.1' },
  };
}

function entries(count: number, from: number): AuditEntry[] {
  return Array.from({ length: count }, (_, i) => {
    const entry = parseEntry(newId() + FIELD_SEPARATOR + auditLine(event(from + i), 'security'));
    if (entry === null) throw new Error('no entry');
    return entry;
  });
}

describe('the audit log', () => {
  let services: TestServices;
  let database: Shop;
  let audit: AuditLogUnderTest;

  const countRows = async (): Promise<number> => {
    const [row] = await database.rows<{ count: number }>(
      'SELECT count(*)::integer AS count FROM audit_entries',
    );
    return row?.count ?? 0;
  };
  const numbersOf = async (resource: string): Promise<number[]> => {
    const rows = await database.rows<{ n: number }>(
      `SELECT (details -> 'after' ->> 'n')::integer AS n FROM audit_entries WHERE resource = $1 ORDER BY chain, seq`,
      [resource],
    );
    return rows.map(({ n }) => n);
  };
  const expectIntact = async (): Promise<void> => {
    const { checkpoints } = await audit.checkpoints.read();
    for (const chain of await audit.verifier.chains(checkpoints))
      expect((await audit.verifier.verify(chain, checkpoints)).fault).toBeNull();
  };

  beforeEach(async () => {
    services = await startTestServices();
    database = new Shop(services.databaseUrl);
    audit = await AuditLogUnderTest.start(services, ENV, { consumes: false });
  });

  afterEach(async () => {
    await audit.close();
    await database.close();
    await services.close();
  });

  it('takes every acknowledged event to PostgreSQL once, in the order of its resource, as a chain that verifies', async () => {
    audit.consumer.onApplicationBootstrap();
    const receipts = await Promise.all(Array.from({ length: 5000 }, (_, n) => audit.log.record(event(n))));
    expect(new Set(receipts)).toEqual(new Set(['redis']));
    await waitFor('all entries', async () => (await countRows()) === 5000);
    for (let i = 0; i < 7; i += 1) {
      const numbers = await numbersOf(`thing:${String(i)}`);
      expect(numbers).toEqual(Array.from({ length: numbers.length }, (_, k) => k * 7 + i));
    }
    await waitFor('the acknowledgements', async () => (await audit.metric('audit_pending_entries')) === 0);
    await expectIntact();
    const [row] = await database.rows<{ details: unknown; age: number }>(
      "SELECT details, extract(epoch FROM now() - occurred_at)::integer AS age FROM audit_entries WHERE details ->> 'requestId' = 'request-8'",
    );
    expect(row?.details).toEqual({
      ip: '192.0.2.1',
      after: { n: 8, name: 'naïve "8" ✂', password: '[redacted]' },
      cause: 'a test',
      class: 'security',
      before: { n: 7 },
      requestId: 'request-8',
    });
    expect(row?.age).toBeLessThan(60);
  });

  it('begins on an empty Redis without a word, and goes on after Redis has lost its data', async () => {
    audit.consumer.onApplicationBootstrap();
    await waitFor('every partition to be owned', () => audit.consumer.ownedCount === PARTITIONS);
    await audit.log.record(event(0));
    await waitFor('the first entry', async () => (await countRows()) === 1);
    expect(audit.errors).toEqual([]);
    await audit.redis.client('main').flushall();
    for (let n = 1; n < 50; n += 1) await audit.log.record(event(n));
    await waitFor('the other entries', async () => (await countRows()) === 50);
  });

  it('acknowledges what is recorded in the moment when nothing is left to send', async () => {
    for (let microtasks = 0; microtasks < 12; microtasks += 1) {
      await audit.log.record(event(0));
      for (let passed = 0; passed < microtasks; passed += 1) await Promise.resolve();
      let receipt: string | null = null;
      void audit.log.record(event(1)).then((given) => (receipt = given));
      await waitFor(`the receipt after ${String(microtasks)} microtasks`, () => receipt === 'redis');
    }
  });

  it('stores details as the very text that was hashed, whatever an event holds', async () => {
    const texts: string[] = [];
    fc.assert(
      fc.property(fc.object({ maxDepth: 4, withBigInt: true, withDate: true }), (value) => {
        texts.push(canonicalJson(value) ?? 'null');
      }),
      { numRuns: 500, seed: 11 },
    );
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.double(), fc.string(), (text, number, name) => {
        texts.push(
          canonicalJson({ [name]: text, number, [text]: number, list: [text, -0, 1e21, 1e-7, number] }) ?? '',
        );
        const line = auditLine(
          { ...event(1), action: text, resource: name, cause: text, after: { [text]: number } },
          'security',
        );
        texts.push(parseEntry(newId() + FIELD_SEPARATOR + line)?.details ?? 'not a line');
      }),
      { numRuns: 500, seed: 12 },
    );
    expect(texts.length).toBe(1500);
    const rows = await database.rows<{ given: string }>(
      'SELECT given FROM unnest($1::text[]) AS t (given) WHERE given::jsonb::text <> given',
      [texts],
    );
    expect(rows).toEqual([]);
  });

  it('leaves out what comes twice, and keeps the chain whole', async () => {
    for (let n = 0; n < 300; n += 1) void audit.log.record(event(n));
    await audit.producer.drain();
    const client = audit.redis.client('main');
    for (let partition = 0; partition < PARTITIONS; partition += 1) {
      const key = redisKeys.auditStream(String(partition));
      for (const [, fields] of await client.xrange(key, '-', '+')) await client.xadd(key, '*', ...fields);
    }
    audit.consumer.onApplicationBootstrap();
    await waitFor('the duplicates', async () => (await audit.metric('audit_duplicates_total')) === 300);
    expect(await countRows()).toBe(300);
    await expectIntact();
  });

  it('keeps every entry in the stream until it is in PostgreSQL, and removes it then', async () => {
    // What is lost with MAXLEN: produce while nobody reads, far more than any cap that is kept in practice.
    for (let n = 0; n < 3000; n += 1) {
      void audit.log.record(event(n));
      if (n % 50 === 0) await audit.producer.drain();
    }
    await audit.producer.drain();
    const client = audit.redis.client('main');
    const keys = Array.from({ length: PARTITIONS }, (_, partition) =>
      redisKeys.auditStream(String(partition)),
    );
    const lengths = async () => Promise.all(keys.map((key) => client.xlen(key)));
    expect((await lengths()).reduce((a, b) => a + b)).toBeGreaterThan(100);
    // A second group, which has read nothing, holds the trimming up on its stream.
    await client.xgroup('CREATE', keys[1] ?? '', 'archive', '0', 'MKSTREAM');
    const kept = await client.xlen(keys[1] ?? '');

    audit.consumer.onApplicationBootstrap();
    await waitFor('all entries', async () => (await countRows()) === 3000, 40_000);
    await waitFor('the trimming', async () => (await client.xlen(keys[0] ?? '')) === 0);
    expect(await client.xlen(keys[1] ?? '')).toBe(kept);
    await client.xgroup('DESTROY', keys[1] ?? '', 'archive');
    await waitFor('the rest', async () => (await lengths()).every((length) => length === 0));
    expect(await audit.metric('audit_vanished_total')).toBe(0);
  });

  it('says how old the oldest entry is that is not in PostgreSQL, and catches up when it can', async () => {
    const lock = await database.pool.connect();
    await lock.query('BEGIN; LOCK audit_entries IN ACCESS EXCLUSIVE MODE');
    const other = await AuditLogUnderTest.start(services, { ...ENV, DATABASE_STATEMENT_TIMEOUT_MS: '200' });
    await other.log.record(event(1));
    await waitFor('the lag to grow', async () => (await other.metric('audit_lag_seconds')) > 1);
    // On a busy machine an entry may be a second old before it is delivered for the first time.
    await waitFor('its delivery', async () => (await other.metric('audit_pending_entries')) === 1);
    await lock.query('COMMIT');
    lock.release();
    await waitFor('the lag to end', async () => (await other.metric('audit_lag_seconds')) === 0);
    expect(await countRows()).toBe(1);
    expect(await other.metric('audit_dead_letters_total')).toBe(0);
    await other.close();
  });

  it('puts an entry that cannot be written aside after some deliveries, and goes on behind it', async () => {
    const key = redisKeys.auditStream('0');
    const client = audit.redis.client('main');
    const S = FIELD_SEPARATOR;
    await client.xadd(key, '*', 'lines', 'nonsense');
    await client.xadd(key, '*', 'lines', [newId(), 'user:1', 'x.done', 'x:1', '{not json'].join(S));
    await client.xadd(
      key,
      '*',
      'lines',
      [newId(), 'user:1', 'x.done', 'x:1', '{"class": "security"}'].join(S),
    );
    audit.consumer.onApplicationBootstrap();
    await waitFor('the good entry', async () => (await countRows()) === 1, 20_000);
    await waitFor('the dead letters', async () => (await audit.metric('audit_dead_letters_total')) === 2);
    const dead = await client.xrange(redisKeys.auditDead('0'), '-', '+');
    expect(dead.map(([, fields]) => fields[1])).toEqual(['nonsense', expect.stringContaining('{not json')]);
    expect(await client.pttl(redisKeys.auditDead('0'))).toBeGreaterThan(0);
    await waitFor('the acknowledgements', async () => (await client.xpending(key, 'sink'))[0] === 0);
    await expectIntact();
  });

  it('never forks a chain, however many believe to own it', async () => {
    const other = await AuditLogUnderTest.start(services, ENV, { consumes: false });
    const [a, b] = [newId(), newId()];
    const first = await audit.sink.take(1, a, { leaseMs: 60_000 });
    expect(first).not.toBeNull();
    expect(await other.sink.take(1, b, { leaseMs: 60_000 })).toBeNull();
    if (first === null) return;
    const { head } = await audit.sink.append(first, entries(10, 0), false);
    // The first holder is frozen here; the second takes over and goes on.
    const second = await other.sink.take(1, b, { leaseMs: 60_000, force: true });
    if (second === null) throw new Error('not taken');
    expect(second.seq).toBe(10);
    await other.sink.append(second, entries(5, 10), false);
    await expect(audit.sink.append(head, entries(3, 15), false)).rejects.toThrow('another owner');
    await expect(audit.sink.append(head, entries(3, 15), true)).rejects.toThrow('another owner');
    expect(await countRows()).toBe(15);
    await expectIntact();
    await other.close();
  });

  it('writes a batch of several statements whole or not at all, and entries whose fields are empty', async () => {
    const chain = await audit.sink.take(1, newId(), { leaseMs: 60_000 });
    if (chain === null) throw new Error('not taken');
    const batch = entries(2500, 0);
    const broken = batch.map((entry, n) => (n === 2100 ? { ...entry, details: '{' } : entry));
    await expect(audit.sink.append(chain, broken, false)).rejects.toThrow('json');
    expect(await countRows()).toBe(0);
    const { head } = await audit.sink.append(chain, batch, false);
    const empty = { id: newId(), actor: '', action: '', resource: '', details: '{}' };
    expect((await audit.sink.append(head, [empty], false)).head.seq).toBe(2501);
    expect(await countRows()).toBe(2501);
    await expectIntact();
  });

  it('finds rows where no position is, and fields that are the same only once they are joined', async () => {
    const chain = await audit.sink.take(1, newId(), { leaseMs: 60_000 });
    if (chain === null) throw new Error('not taken');
    await audit.sink.append(chain, entries(10, 0), false);
    await database.rows('CREATE TABLE kept AS SELECT * FROM audit_entries');
    await database.rows(
      'ALTER TABLE audit_entries ALTER seq DROP NOT NULL, ALTER chain DROP NOT NULL, ALTER actor DROP NOT NULL',
    );
    const faultAfter = async (tampering: string): Promise<string> => {
      await database.rows(tampering);
      const { fault } = await audit.verifier.verify(1, []);
      await database.rows('DELETE FROM audit_entries');
      await database.rows('INSERT INTO audit_entries SELECT * FROM kept');
      return fault === null ? 'none' : `${fault.kind} ${String(fault.seq)}`;
    };
    const edit = (change: string) => faultAfter(`UPDATE audit_entries SET ${change} WHERE seq = 4`);
    const copy = (chainAndSeq: string) =>
      faultAfter(`INSERT INTO audit_entries
        SELECT '${newId()}', occurred_at, ${chainAndSeq}, actor, action, resource, details, hash FROM kept WHERE seq = 3`);
    const faults = [
      await edit(`actor = actor || E'\\x1f' || action, action = resource, resource = ''`),
      await edit(`action = action || E'\\x1f' || resource, resource = details::text, details = '{}'`),
      await edit("occurred_at = 'infinity'"),
      await edit('actor = NULL'),
      await copy('chain, -seq'),
      await copy('chain, NULL'),
      await copy('NULL, seq'),
      await faultAfter('SELECT 1'),
    ];
    expect(faults).toEqual([...Array<string>(4).fill('altered 4'), 'extra -3', 'extra 0', 'extra 3', 'none']);
  });
});

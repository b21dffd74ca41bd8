import { SeededRandom } from '../support/seeded-random.js';
import { newId } from '../../src/common/ids.js';
import { type ChainedEntry, ChainLinks, GENESIS } from '../../src/core/audit-log/audit-chain.js';
import { type AuditCheckpoint, CheckpointSigner } from '../../src/core/audit-log/audit-checkpoint.js';
import { timeOfId } from '../../src/core/audit-log/audit-entry.js';
import { ChainVerifier, type StoredEntry } from '../../src/core/audit-log/chain-verifier.js';

const SECRETS = { blindIndexKey: Buffer.alloc(32, 7) };
const LENGTH = 200;
const CHAIN = 3;

const links = new ChainLinks(SECRETS);
const original: readonly StoredEntry[] = links
  .extend(
    { seq: 0, hash: GENESIS },
    CHAIN,
    Array.from({ length: LENGTH }, (_, n) => ({
      id: newId(),
      actor: `user:${String(n % 5)}`,
      action: 'thing.changed',
      resource: `thing:${String(n % 9)}`,
      details: `{"after": {"n": ${String(n)}}, "class": "security"}`,
    })),
  )
  .map((entry: ChainedEntry) => ({ ...entry, timeMs: timeOfId(entry.id) }));
const checkpoint: AuditCheckpoint = {
  chain: CHAIN,
  seq: LENGTH,
  hash: original.at(-1)?.hash ?? '',
  at: '2026-11-22T00:00:00.000Z',
};

/** As the database would hand the rows over. */
function verify(
  rows: readonly StoredEntry[],
  checkpoints = [checkpoint],
  from?: { seq: number; hash: string },
) {
  const verifier = new ChainVerifier(links, CHAIN, checkpoints, from);
  for (const row of [...rows].sort((a, b) => a.seq - b.seq || (a.id < b.id ? -1 : 1))) {
    const fault = verifier.accept(row);
    if (fault !== null) return fault;
  }
  return verifier.finish(null);
}

/** Tampers with a copy of the rows and tells the first position that is wrong then. */
type Tampering = (rows: StoredEntry[], at: number, random: SeededRandom) => number;

const replace = (rows: StoredEntry[], at: number, change: Partial<StoredEntry>): number => {
  const row = rows[at];
  if (row === undefined) throw new Error('no such row');
  rows[at] = { ...row, ...change };
  return at + 1;
};

const TAMPERINGS: Record<string, Tampering> = {
  'an edited actor': (rows, at) => replace(rows, at, { actor: 'user:else' }),
  'edited details': (rows, at) => replace(rows, at, { details: '{"class": "security"}' }),
  'an edited action': (rows, at) => replace(rows, at, { action: 'thing.seen' }),
  'an edited time': (rows, at) => replace(rows, at, { timeMs: (rows[at]?.timeMs ?? 0) + 1 }),
  'an exchanged id': (rows, at) => replace(rows, at, { id: newId() }),
  'an edited hash': (rows, at) => replace(rows, at, { hash: 'ab'.repeat(32) }),
  'a border between fields that was moved': (rows, at) => {
    const row = rows[at];
    return replace(rows, at, { actor: `${row?.actor ?? ''}:`, action: (row?.action ?? '').slice(1) });
  },
  'a deleted row': (rows, at) => {
    rows.splice(at, 1);
    return at + 1;
  },
  'an inserted row': (rows, at) => {
    const row = rows[at];
    if (row !== undefined) rows.push({ ...row, id: newId(), hash: 'cd'.repeat(32) });
    return at + 1;
  },
  'two rows that changed places': (rows, at) => {
    const other = at === LENGTH - 1 ? at - 1 : at + 1;
    const [a, b] = [rows[at], rows[other]];
    if (a !== undefined && b !== undefined)
      [rows[at], rows[other]] = [
        { ...b, seq: a.seq },
        { ...a, seq: b.seq },
      ];
    return Math.min(at, other) + 1;
  },
  'a tail that was cut off': (rows, at) => {
    rows.length = at;
    return at + 1;
  },
  'a partition that was dropped': (rows, at, random) => {
    const count = 1 + random.below(LENGTH - at);
    rows.splice(at, count);
    return at + 1;
  },
  'a row that was changed and relinked without the key': (rows, at) => {
    const forger = new ChainLinks({ blindIndexKey: Buffer.alloc(32, 8) });
    const head = at === 0 ? { seq: 0, hash: GENESIS } : (rows[at - 1] ?? { seq: 0, hash: GENESIS });
    const forged = forger.extend(
      head,
      CHAIN,
      rows.slice(at).map((row, i) => (i === 0 ? { ...row, actor: 'user:else' } : row)),
    );
    forged.forEach((entry, i) => replace(rows, at + i, entry));
    return at + 1;
  },
};

describe('the verifier of a chain', () => {
  it('accepts what was written', () => {
    expect(verify(original)).toBeNull();
  });

  it('finds each of 500 random tamperings, and names the first position that is wrong', () => {
    const random = new SeededRandom(2026);
    const kinds = Object.entries(TAMPERINGS);
    const missed: unknown[] = [];
    for (let round = 0; round < 500; round += 1) {
      const [kind, tamper] = kinds[round % kinds.length] ?? ['', () => 0];
      const rows = [...original];
      const expected = tamper(rows, random.below(LENGTH), random);
      const fault = verify(rows);
      if (fault?.seq !== expected) missed.push({ round, kind, expected, fault });
    }
    expect(missed).toEqual([]);
  });

  it('misses a cut tail without a checkpoint, which is why they lie elsewhere', () => {
    expect(verify(original.slice(0, 50), [])).toBeNull();
    expect(verify([], [])).toBeNull();
    expect(verify([])).toMatchObject({ kind: 'missing', seq: 1 });
  });

  it('finds a chain that was written anew with the key, by the first checkpoint that does not agree', () => {
    const rewritten = links
      .extend(
        { seq: 0, hash: GENESIS },
        CHAIN,
        original.map((row, n) => (n === 80 ? { ...row, actor: 'user:else' } : row)),
      )
      .map((entry) => ({ ...entry, timeMs: timeOfId(entry.id) }));
    const middle = { ...checkpoint, seq: 50, hash: original[49]?.hash ?? '' };
    const later = { ...checkpoint, seq: 120, hash: original[119]?.hash ?? '' };
    expect(verify(rewritten, [checkpoint, later, middle])).toMatchObject({ kind: 'rewritten', seq: 120 });
  });

  it('goes on from a link that was verified before', () => {
    const from = { seq: 100, hash: original[99]?.hash ?? '' };
    expect(verify(original.slice(100), [checkpoint], from)).toBeNull();
    expect(verify(original.slice(101), [checkpoint], from)).toMatchObject({ kind: 'missing', seq: 101 });
    expect(verify(original.slice(100), [checkpoint], { seq: 100, hash: 'ef'.repeat(32) })).toMatchObject({
      kind: 'altered',
      seq: 101,
    });
  });
});

describe('a checkpoint', () => {
  const signer = new CheckpointSigner(SECRETS);
  const line = signer.seal(checkpoint);

  it('gives back what was signed', () => {
    expect(signer.open(line)).toEqual(checkpoint);
    expect(signer.open(`${line}\n`)).toEqual(checkpoint);
  });

  it('is refused when any character of it is changed, or it was signed with another key', () => {
    for (let i = 0; i < line.length; i += 1) {
      const other = line[i] === '1' ? '2' : '1';
      expect(signer.open(line.slice(0, i) + other + line.slice(i + 1))).toBeNull();
    }
    expect(new CheckpointSigner({ blindIndexKey: Buffer.alloc(32, 8) }).open(line)).toBeNull();
  });
});

import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { redisKeys } from '../../src/infrastructure/redis/redis-keys.js';

const ROOT = join(import.meta.dirname, '../..');
const read = (file: string) => readFileSync(join(ROOT, file), 'utf8');
const scripts = globSync('src/**/*.lua', { cwd: ROOT });
const sources = globSync('src/**/*.ts', { cwd: ROOT }).filter((file) => !file.endsWith('.spec.ts'));

/** The comment in front of the first statement, without its dashes. */
const headerOf = (text: string): string[] => {
  const lines = text.split('\n');
  const end = lines.findIndex((line) => !line.startsWith('--'));
  return lines.slice(0, end).map((line) => line.replace(/^-- ?/, ''));
};

/** `KEYS[2]`, or `KEYS[2..n]` where the code goes through the rest in a loop. */
const slotsIn = (text: string): Set<string> =>
  new Set(
    [...text.matchAll(/\b(KEYS|ARGV)\[(\d+)(?:\.\.n)?\]/g)].map(
      ([, name, slot]) => `${String(name)}[${String(slot)}]`,
    ),
  );

describe('the Lua scripts', () => {
  it('are all found', () => {
    expect(scripts.length).toBeGreaterThanOrEqual(7);
  });

  it('are each loaded by exactly one RedisScript, and none is loaded that does not exist', () => {
    const loading =
      /new RedisScript\b(?:<[^()]*>)?\(\s*(?:new URL\(\s*|file\()'(?:\.\/scripts\/)?([\w-]+)(?:\.lua)?'/g;
    const loaded: string[] = [];
    for (const file of sources) {
      const text = read(file);
      const found = [...text.matchAll(loading)].map(([, name = '']) =>
        join(file, '../scripts', `${name}.lua`),
      );
      // Whoever finds another way to write it must teach this test to read it.
      expect([file, found.length]).toEqual([file, text.split('new RedisScript').length - 1]);
      loaded.push(...found);
    }
    expect(loaded.sort()).toEqual([...scripts].sort());
  });

  it('are never text in TypeScript', () => {
    for (const file of sources) expect([file, read(file).includes('redis.call(')]).toEqual([file, false]);
  });

  describe.each(scripts)('%s', (file) => {
    const text = read(file);
    const header = headerOf(text);
    const code = text.split('\n').slice(header.length).join('\n');

    it('is named noun-verb and lies in a folder scripts', () => {
      expect(file).toMatch(/\/scripts\/[a-z]+-[a-z]+\.lua$/);
    });

    it('says in its header what it does, returns and costs, and how it stands in a cluster', () => {
      expect(header[0]).toMatch(/^[A-Z].*/);
      const prose = header.join('\n');
      expect(prose).toMatch(/^Returns /m);
      expect(prose).toMatch(/O\([^)]+\)/);
      expect(prose).toMatch(/Cluster:|hash tag/);
    });

    it('names every slot it uses, and uses every slot it names', () => {
      const named = slotsIn(header.filter((line) => /^(KEYS|ARGV)\[/.test(line)).join('\n'));
      // What a loop goes through is the rest that the header names as such.
      const restOf = (name: string) =>
        new RegExp(`${name}\\[(\\d+)\\.\\.n\\]`).exec(header.join('\n'))?.[1] ?? 'rest';
      const used = slotsIn(
        code.replaceAll(/(KEYS|ARGV)\[i(?: \+ 1)?\]/g, (_, name: string) => `${name}[${restOf(name)}]`),
      );
      expect([...used].sort()).toEqual([...named].sort());
    });

    it('says the unit of every time and number it is given', () => {
      for (const line of header.filter((each) => /^ARGV\[/.test(each))) {
        if (/\b(life|long|time|expire|ttl)\b/i.test(line)) expect(line).toMatch(/milliseconds|seconds/);
      }
    });

    it('gives every key it writes a time to live', () => {
      const writes = /'(SET|HSET|ZADD|SADD|INCR|INCRBY|XADD|LPUSH|RPUSH)'/.test(code);
      const expires = /'PX'|'EX'|'PXAT'|'(P?EXPIRE(AT)?)'/.test(code);
      expect([writes, writes && !expires]).toEqual([writes, false]);
    });
  });
});

describe('the Redis keys', () => {
  const [A, B] = ['0123456789abcdef', 'fedcba9876543210'];
  const builders = Object.entries(redisKeys) as [string, (...parts: string[]) => string][];
  const tagOf = (key: string) => /\{([^{}]+)\}/.exec(key)?.[1];

  it.each(builders)('%s is caudal:<area>:<kind> with exactly one hash tag', (_name, build) => {
    const key = build(A, B);
    expect(key).toMatch(/^caudal:[a-z-]+:[a-z-]+:\{[^{}]+\}(:[^{}]+)?$/);
    expect(key.match(/\{/g)).toHaveLength(1);
  });

  it.each(builders)('%s tells apart what it is made for', (_name, build) => {
    const parts = Array.from({ length: build.length }, () => A);
    for (let index = 0; index < build.length; index += 1) {
      const others = parts.map((part, position) => (position === index ? B : part));
      expect(build(...others)).not.toBe(build(...parts));
    }
  });

  it('never coincide between builders', () => {
    const keys = builders.map(([, build]) => build(A, B));
    expect(new Set(keys).size).toBe(keys.length);
  });

  it.each([
    [
      'admission-note and the question for notes',
      [
        redisKeys.admissionEpoch(),
        redisKeys.admissionComplete(),
        redisKeys.admissionNote(A),
        redisKeys.admissionNote(B),
      ],
    ],
    ['admission-complete', [redisKeys.admissionEpoch(), redisKeys.admissionComplete()]],
    [
      'the session scripts',
      [
        redisKeys.sessionBook(A, 'one'),
        redisKeys.sessionBook(A, 'two'),
        redisKeys.sessionEnds(A),
        redisKeys.sessionCensus(A),
      ],
    ],
  ])('of %s lie in one slot of a cluster', (_scripts, keys) => {
    expect(new Set(keys.map(tagOf)).size).toBe(1);
  });

  it('are spelt in one file only', () => {
    for (const file of sources.filter((each) => basename(each) !== 'redis-keys.ts'))
      expect([file, /['"`]caudal:[a-z-]+:[a-z-]+:/.test(read(file))]).toEqual([file, false]);
  });
});

import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { redisKeys } from '../../src/infrastructure/redis/redis-keys.js';
import { documentedUsers } from '../support/redis-users.js';

const ROOT = join(import.meta.dirname, '../..');
const scripts = globSync('src/**/*.lua', { cwd: ROOT });
const USER_BY_FOLDER: Readonly<Record<string, string>> = {
  admission: 'caudal-main',
  'audit-log': 'caudal-main',
  'circuit-breaker': 'caudal-main',
  'read-consistency': 'caudal-main',
  'rate-limiter': 'caudal-rate-limit',
  session: 'caudal-sessions',
  'session-monitor': 'caudal-sessions',
};

const users = documentedUsers();
const matches = (pattern: string, text: string): boolean => text.startsWith(pattern.replace(/\*$/, ''));

describe('the users of Redis on the operations page', () => {
  it('are one for each role, with every right of theirs by name', () => {
    expect([...users.keys()].sort()).toEqual([
      'caudal-cache',
      'caudal-main',
      'caudal-rate-limit',
      'caudal-sessions',
    ]);
    for (const rules of users.values()) {
      expect(rules.slice(0, 3)).toEqual(['reset', 'on', '>PASSWORD']);
      expect(rules.filter((rule) => /[@*]/.test(rule) && !/^[~&]caudal:[a-z-:]+:\*$/.test(rule))).toEqual([]);
      expect(new Set(rules).size).toBe(rules.length);
    }
  });

  it.each(scripts)('may run every command of %s', (file) => {
    const user = USER_BY_FOLDER[/src\/core\/([^/]+)\//.exec(file)?.[1] ?? ''] ?? file;
    const rules = users.get(user) ?? [];
    const text = readFileSync(join(ROOT, file), 'utf8');
    // The second word of a command of two, as in XINFO GROUPS, is a text; a key never is.
    const needed = [...text.matchAll(/redis\.p?call\('([A-Z]+)'(?:, '([A-Z]+)')?/g)].map(
      ([, name = '', subcommand]) =>
        `+${[name, ...(['XINFO', 'XGROUP'].includes(name) ? [subcommand] : [])].join('|').toLowerCase()}`,
    );
    expect(needed.length).toBeGreaterThan(0);
    expect([...new Set(needed)].filter((rule) => !rules.includes(rule))).toEqual([]);
  });

  it('reach every key and every channel, and no two users the same one', () => {
    for (const build of Object.values(redisKeys)) {
      const key = build('1', '1');
      const owners = [...users].filter(([, rules]) =>
        rules.some((rule) => /^[~&]/.test(rule) && matches(rule.slice(1), key)),
      );
      expect([key, owners.length]).toEqual([key, 1]);
    }
  });
});

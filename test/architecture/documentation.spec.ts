import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { renderConfiguration, renderErrors } from '../../scripts/docs.mjs';
import { ERROR_CODES } from '../../src/common/error-codes.js';
import { ENVIRONMENT } from '../../src/config/environment.js';

const PROJECT = fileURLToPath(new URL('../../', import.meta.url));
const read = (path: string): string => readFileSync(join(PROJECT, path), 'utf8');

const PAGES = [
  'README.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  ...readdirSync(join(PROJECT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

describe('the documentation', () => {
  it('lists every error code as the code defines it', () => {
    expect(read('docs/errors.md')).toBe(renderErrors(ERROR_CODES));
  });

  it('lists every setting as the code reads it', () => {
    expect(read('docs/configuration.md')).toBe(renderConfiguration(ENVIRONMENT));
  });

  it('tells range, default and meaning of a setting', () => {
    const page = renderConfiguration(ENVIRONMENT).replaceAll(/ +/g, ' ');
    expect(page).toContain('| `PORT` | integer from 1 to 65535 | `3000` | Port of the public API. |');
    expect(page).toContain('| `DATABASE_READ_POOL_SIZE` | integer from 1 to 200 | `60` |');
    expect(page).toContain('| `ROLE` | `api`, `worker`, `all` | `all` |');
    expect(page).toContain('| `DATABASE_URL` | URL starting with postgres:// or postgresql:// | required |');
  });

  it.each(PAGES)('has no dead link in %s', (page) => {
    const targets = [...read(page).matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)]
      .map(([, target = '']) => target)
      .filter((target) => !/^[a-z]+:/.test(target));
    const dead = targets.filter((target) => !existsSync(join(PROJECT, dirname(page), target)));
    expect(dead).toEqual([]);
  });

  it('names only npm scripts that exist', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    const named = PAGES.flatMap((page) =>
      [...read(page).matchAll(/npm run ([\w:-]+)/g)].map(([, name = '']) => name),
    );
    expect(named.length).toBeGreaterThan(5);
    expect([...new Set(named)].filter((name) => !(name in scripts))).toEqual([]);
  });
});

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ENVIRONMENT } from '../../src/config/environment.js';
import { renderEnvironmentExample } from '../environment-example.mjs';
import { OVERLAYS, parseStack, readStackFiles } from './compose-stack.mjs';
import { checkStack } from './rules.mjs';

const PROJECT = join(import.meta.dirname, '../..');
const read = (path: string): string => readFileSync(join(PROJECT, path), 'utf8');
const settings = new Map(Object.entries(ENVIRONMENT));
const FILES: ReadonlyMap<string, string> = readStackFiles();

/** The rules that find something, with one file of another content. */
function brokenRules(changed = '', content = '', overlay?: string): string[] {
  const files = new Map([...FILES, ...(changed === '' ? [] : [[changed, content] as const])]);
  return [...new Set(checkStack(parseStack(files, settings, overlay)).map(({ rule }) => rule))];
}

const COMPOSE = 'docker-compose.production.yml';

describe('the compose stack', () => {
  it.each([undefined, ...OVERLAYS])('has nothing against itself with the overlay %s', (overlay) => {
    expect(brokenRules('', '', overlay)).toEqual([]);
  });

  it('is judged with its overlays: a second door beside Traefik is found', () => {
    const overlay = 'deployment/docker/compose.traefik.yml';
    const mutated = (FILES.get(overlay) ?? '').replace('ports: !reset []', 'ports: []');
    expect(brokenRules(overlay, mutated, overlay)).toContain('compose-exposure');
  });

  it('gives each Redis the users of the operations page', () => {
    const documented = new Map(
      [...read('docs/operations.md').matchAll(/^ACL SETUSER (\S+) reset on >PASSWORD (.+)$/gm)].map(
        ([, name = '', rights = '']) => [name, rights.split(' ')] as const,
      ),
    );
    // Without a Redis of its own the cache lives on the main one.
    const ROLES = {
      main: ['caudal-main', 'caudal-cache'],
      'rate-limit': ['caudal-rate-limit'],
      sessions: ['caudal-sessions'],
    };
    for (const [role, users] of Object.entries(ROLES)) {
      const lines = read(`deployment/docker/redis/users/${role}.acl`).trim().split('\n');
      const own = lines.find((line) => line.startsWith(`user caudal-${role} on #PASSWORD_SHA256 `));
      const rights = users.flatMap((user) => documented.get(user) ?? []);
      expect(own?.split(' ').slice(4).sort()).toEqual([...new Set([...rights, '+client|setinfo'])].sort());
      expect(lines).toContain('user default off');
      expect(lines).toHaveLength(3);
    }
  });
});

describe('.env.example', () => {
  const example = read('.env.example');

  it('lists every setting as the code reads it', () => {
    expect(example).toBe(renderEnvironmentExample(ENVIRONMENT, read(COMPOSE)));
    const listed = [...example.matchAll(/^#?([A-Z_]+)=/gm)].map(([, name]) => name);
    expect(Object.keys(ENVIRONMENT).filter((name) => !listed.includes(name))).toEqual([]);
    expect(new Set(listed).size).toBe(listed.length);
  });

  it('gives values that the application takes', () => {
    const given = [...example.matchAll(/^#?([A-Z_]+)=(.*)$/gm)];
    const wrong = given.filter(([, name = '', value = '']) => {
      const setting = settings.get(name);
      if (setting === undefined || value === '') return false;
      try {
        setting._parse(value);
        return false;
      } catch {
        return true;
      }
    });
    expect(wrong).toEqual([]);
  });

  it('names every variable of the compose files', () => {
    const used = [COMPOSE, ...OVERLAYS].flatMap((path) =>
      [...read(path).matchAll(/\$\{(\w+)/g)].map(([, name = '']) => name),
    );
    expect([...new Set(used)].filter((name) => !example.includes(`#${name}=`))).toEqual([]);
  });
});

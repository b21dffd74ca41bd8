import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { onServer } from './redis-faults.js';

const PAGE = join(import.meta.dirname, '../../docs/operations.md');
const REDIS_PASSWORD = 'test-password';

/** The users that the operations page gives to the roles, by name: the arguments of their `ACL SETUSER`. */
export function documentedUsers(): ReadonlyMap<string, readonly string[]> {
  const lines = readFileSync(PAGE, 'utf8').matchAll(/^ACL SETUSER (\S+) (.+)$/gm);
  return new Map([...lines].map(([, name = '', rules = '']) => [name, rules.split(' ')]));
}

/** Makes the documented users on a server, each with the rules that the test adds or takes away. */
export async function createUsers(url: string, ...more: readonly string[]): Promise<void> {
  await onServer(url, async (server) => {
    for (const [name, rules] of documentedUsers())
      await server.call(
        'ACL',
        'SETUSER',
        name,
        ...rules.map((rule) => rule.replace('>PASSWORD', `>${REDIS_PASSWORD}`)),
        ...more,
      );
  });
}

/** The URL of the server for one of its users. */
export function urlOf(user: string, url: string): string {
  return url.replace('://', `://${user}:${REDIS_PASSWORD}@`);
}

/** What was asked of the server and forbidden since the last call: the user and the command or key. */
export function takeDenials(url: string): Promise<string[]> {
  return onServer(url, async (server) => {
    const entries = (await server.call('ACL', 'LOG', '128')) as unknown[][];
    await server.call('ACL', 'LOG', 'RESET');
    return entries.map((entry) => {
      const fields = new Map<unknown, unknown>();
      for (let at = 0; at < entry.length; at += 2) fields.set(entry[at], entry[at + 1]);
      return ['username', 'reason', 'object'].map((name) => String(fields.get(name))).join(' ');
    });
  });
}

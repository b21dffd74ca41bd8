import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { findFreePort } from '../../scripts/services/ports.mjs';

const DIST = join(import.meta.dirname, '../../dist');
/** By itself before migrations, and as the application's first act. */
const ENTRIES = [
  { name: 'pre-flight', command: [join(DIST, 'pre-flight.js')] },
  { name: 'caudal', command: [join(DIST, 'main.js'), '--pre-flight'] },
] as const;

async function preFlight(
  env: Record<string, string>,
  { command }: (typeof ENTRIES)[number] = ENTRIES[0],
): Promise<{ code: number | null; errors: string[] }> {
  const child = spawn(process.execPath, command, {
    env: { PATH: process.env['PATH'], STARTUP_DEADLINE_MS: '1000', ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  await once(child, 'close');
  return { code: child.exitCode, errors: errors.trim().split('\n') };
}

describe('the pre-flight of a container', () => {
  it.each(ENTRIES)(
    'names every key that is missing on a line, where keys must be configured: $name',
    async (entry) => {
      const { code, errors } = await preFlight(
        { DATABASE_URL: 'postgres://u:secret@127.0.0.1/shop', REFUSE_EPHEMERAL_KEYS: 'true' },
        entry,
      );
      expect(code).toBe(1);
      expect(errors.sort()).toEqual([
        `${entry.name}: BLIND_INDEX_KEY: not configured`,
        `${entry.name}: CURSOR_SIGNING_KEY: not configured`,
        `${entry.name}: FIELD_ENCRYPTION_KEYS: not configured`,
        `${entry.name}: JWT_PRIVATE_KEY: not configured`,
      ]);
    },
  );

  it.each(ENTRIES)('gives up when no host of the database takes a connection: $name', async (entry) => {
    const [one, two] = [String(await findFreePort()), String(await findFreePort())];
    const { code, errors } = await preFlight(
      { DATABASE_URL: `postgres://u:secret@127.0.0.1:${one},127.0.0.1:${two}/shop` },
      entry,
    );
    expect(code).toBe(1);
    expect(errors.at(-1)).toBe(
      `pre-flight: PostgreSQL took no connection within 1 s: 127.0.0.1:${one} ECONNREFUSED; 127.0.0.1:${two} ECONNREFUSED`,
    );
    expect(errors.join()).not.toContain('secret');
  });

  it('goes on without Redis and says so', async () => {
    const database = createServer((socket) => socket.end()).listen(0, '127.0.0.1');
    await once(database, 'listening');
    const { port } = database.address() as { port: number };
    const redis = String(await findFreePort());
    try {
      const { code, errors } = await preFlight({
        DATABASE_URL: `postgres://u:secret@127.0.0.1:${String(port)}/shop`,
        REDIS_URL: `redis://:hidden@127.0.0.1:${redis}`,
      });
      expect(errors).toEqual([
        `pre-flight: Redis (main) is not reachable, starting degraded: 127.0.0.1:${redis} ECONNREFUSED`,
      ]);
      expect(code).toBe(0);
    } finally {
      database.close();
    }
  });
});

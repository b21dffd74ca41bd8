import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { findOnPath } from '../../../scripts/services/commands.mjs';
import { installDebianPackages } from '../../../scripts/services/debian-packages.mjs';
import { findFreePort } from '../../../scripts/services/ports.mjs';
import { giveTo, preparePostgresHost } from '../../../scripts/services/postgres-host.mjs';
import { startServiceProcess } from '../../../scripts/services/service-process.mjs';
import { waitFor } from '../wait-for.js';

export interface PgBouncer {
  /** URLs of the entries, in the order of the servers. */
  readonly urls: readonly string[];
  stop(): Promise<unknown>;
}

export interface PgBouncerOptions {
  readonly directory: string;
  readonly runDir: string;
  /** URLs of the servers, with the role's password; each gets an entry of its own. */
  readonly servers: readonly string[];
  /** Connections to each server. */
  readonly poolSize: number;
}

/** A real PgBouncer in transaction mode. */
export async function startPgBouncer(options: PgBouncerOptions): Promise<PgBouncer> {
  const { directory, runDir, servers, poolSize } = options;
  const command = await findPgBouncer();
  mkdirSync(directory, { recursive: true });
  chmodSync(directory, 0o755);
  // It refuses to run as root, as PostgreSQL does.
  const { identity } = await preparePostgresHost(directory);
  const port = await findFreePort();
  const entries = servers.map((url, index) => ({ name: `entry_${String(index)}`, server: new URL(url) }));
  const [{ server: first } = { server: new URL('postgres://nobody@localhost/') }] = entries;
  const users = join(directory, 'users.txt');
  const configuration = join(directory, 'pgbouncer.ini');
  writeFileSync(users, `"${first.username}" "${first.password}"\n`);
  writeFileSync(
    configuration,
    [
      '[databases]',
      ...entries.map(
        ({ name, server }) =>
          `${name} = host=${server.hostname} port=${server.port} dbname=${server.pathname.slice(1)}`,
      ),
      '[pgbouncer]',
      'listen_addr = 127.0.0.1',
      `listen_port = ${String(port)}`,
      'unix_socket_dir =',
      'auth_type = scram-sha-256',
      `auth_file = ${users}`,
      'pool_mode = transaction',
      'max_client_conn = 500',
      `default_pool_size = ${String(poolSize)}`,
    ].join('\n'),
  );
  for (const path of [directory, users, configuration]) giveTo(path, identity);
  const bouncer = await startServiceProcess({
    name: `pgbouncer-${String(port)}`,
    command,
    args: [configuration],
    cwd: directory,
    identity,
    logFile: join(directory, 'pgbouncer.log'),
    runDir,
    order: 20,
    // SIGINT would wait for its clients.
    stopSignal: 'SIGTERM',
  });
  await waitFor('PgBouncer', async () => {
    if (bouncer.hasExited()) throw new Error(`PgBouncer ended:\n${bouncer.lastLogLines()}`);
    return accepts(port);
  });
  return {
    urls: entries.map(
      ({ name }) => `postgres://${first.username}:${first.password}@127.0.0.1:${String(port)}/${name}`,
    ),
    stop: () => bouncer.stop(),
  };
}

/** @throws Error that says what to install: a machine without it must not pass for one with it. */
async function findPgBouncer(): Promise<string> {
  const present = findOnPath('pgbouncer');
  if (present !== null) return present;
  await installDebianPackages(['pgbouncer'], () => undefined);
  const installed = findOnPath('pgbouncer');
  if (installed === null)
    throw new Error('PgBouncer is not here: install it (Debian: apt-get install -y pgbouncer)');
  return installed;
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => {
      resolve(false);
    });
  });
}

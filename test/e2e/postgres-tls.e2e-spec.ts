import { execFileSync } from 'node:child_process';
import { chownSync, copyFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { PostgresHandle } from '../../scripts/services/postgres.mjs';
import { testEnvironment } from '../support/app-harness.js';
import { AppProcess } from '../support/app-process.js';
import { createTlsFiles, type TlsFiles } from '../support/services/tls-files.js';
import { getSharedServices } from '../support/services/shared-services.js';
import { query } from '../support/services/test-database.js';
import { startTestServices, type TestServices } from '../support/services/index.js';
import { SignInClient } from '../support/sign-in-client.js';
import { waitFor } from '../support/wait-for.js';

const DEADLINE_MS = 60_000;
const ENCRYPTED = `SELECT count(*)::int AS all, count(*) FILTER (WHERE ssl)::int AS encrypted
  FROM pg_stat_activity JOIN pg_stat_ssl USING (pid) WHERE application_name LIKE 'caudal-%'`;

describe('the application with a PostgreSQL over TLS', () => {
  let services: TestServices;
  let files: TlsFiles;
  let env: Record<string, string>;
  let application: AppProcess | undefined;

  beforeAll(async () => {
    services = await startTestServices({ dedicatedPostgres: true });
    files = createTlsFiles(join(getSharedServices().directory, 'postgres-tls'));
    const { primary, replicas } = services.postgres ?? fail('no PostgreSQL of its own');
    await encrypt(primary, services.superuserUrl);
    for (const replica of replicas) await encrypt(replica, services.replicaSuperuserUrl);
    env = {
      DATABASE_URL: `${services.databaseUrl}?sslmode=verify-full`,
      DATABASE_REPLICA_URLS: `${services.replicaUrl}?sslmode=verify-full`,
      LOG_LEVEL: 'info',
    };
  }, DEADLINE_MS);

  afterEach(async () => {
    await application?.stop('SIGKILL');
    application = undefined;
  });

  afterAll(() => services.close());

  /** A server reads its key only when nobody else can, and its certificate without a restart. */
  async function encrypt({ dataDir }: PostgresHandle, superuserUrl: string): Promise<void> {
    const { uid, gid } = statSync(dataDir);
    for (const [from, to] of [
      [files.certificateFile, 'server.crt'],
      [files.keyFile, 'server.key'],
    ] as const) {
      copyFileSync(from, join(dataDir, to));
      chownSync(join(dataDir, to), uid, gid);
    }
    await query(superuserUrl, ['ALTER SYSTEM SET ssl = on', 'SELECT pg_reload_conf()']);
    await waitFor(
      'TLS',
      async () => (await query(`${superuserUrl}?sslmode=no-verify`, ['SELECT 1']).catch(() => [])).length > 0,
      DEADLINE_MS,
    );
  }

  const connections = async (url: string) => (await query(url, [ENCRYPTED]))[0];

  it(
    'encrypts every connection to primary and replica, and trusts the CA that Node is given',
    async () => {
      const started = (application = await AppProcess.start({
        ...testEnvironment(services, env),
        NODE_EXTRA_CA_CERTS: files.caFile,
      }));
      const person = new SignInClient(started.url);
      await person.register();
      expect((await person.get('/api/v1/products')).status).toBe(200);
      for (const url of [services.superuserUrl, services.replicaSuperuserUrl]) {
        const found = await connections(url);
        expect(found?.['all']).toBeGreaterThan(0);
        expect(found?.['encrypted']).toBe(found?.['all']);
      }
      expect(await started.stop()).toBe(0);
    },
    2 * DEADLINE_MS,
  );

  it('migrates over it, and does not without the CA', () => {
    const migrate = (extra: Record<string, string>) =>
      execFileSync(
        process.execPath,
        ['-e', `import('./scripts/database/migrate.mjs').then(({ migrate }) => migrate(process.env.URL))`],
        { env: { ...extra, PATH: process.env['PATH'], URL: env['DATABASE_URL'] }, stdio: 'pipe' },
      );
    expect(() => migrate({ NODE_EXTRA_CA_CERTS: files.caFile })).not.toThrow();
    expect(() => migrate({})).toThrow(/certificate/);
  });

  it(
    'does not start on a certificate that it does not trust, and says so',
    async () => {
      const start = AppProcess.start({ ...testEnvironment(services, env), STARTUP_DEADLINE_MS: '2000' });
      await expect(start).rejects.toThrow(/PostgreSQL did not answer within 2 s: .*certificate/);
    },
    2 * DEADLINE_MS,
  );
});

function fail(message: string): never {
  throw new Error(message);
}

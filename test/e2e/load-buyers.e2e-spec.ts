import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { issueBuyers } from '../../scripts/load/buyers.mjs';
import { TEST_SIGNING_KEY } from '../support/access-tokens.js';
import { ApiClient } from '../support/api-client.js';
import { type AppUnderTest, startApp, testEnvironment } from '../support/app-harness.js';
import { startTestServices, type TestServices } from '../support/services/index.js';
import { query } from '../support/services/test-database.js';
import { temporaryFolder } from '../support/temporary-folder.js';

describe('the buyers of a load run', () => {
  let services: TestServices;
  let application: AppUnderTest;
  let directory: string;

  const issue = (count: number) =>
    issueBuyers(
      {
        dataDir: directory,
        origins: [application.url],
        managementPort: 0,
        databaseUrl: services.databaseUrl,
        privateKeyFile: join(directory, 'key.pem'),
        fieldEncryptionKeys: testEnvironment(services)['FIELD_ENCRYPTION_KEYS'],
      },
      { count, lifetimeSeconds: 60 },
    ).then(({ buyers }) => buyers);
  const accountOf = async (token: string) => {
    const { status, body } = await new ApiClient(application.url).get('/api/v1/me', { token });
    return [status, String(body['name']), String(body['email'])] as const;
  };

  beforeAll(async () => {
    services = await startTestServices();
    application = await startApp({ services });
    directory = temporaryFolder('load-buyers');
    writeFileSync(join(directory, 'key.pem'), TEST_SIGNING_KEY);
  });

  afterAll(async () => {
    await application.close();
    await services.close();
  });

  it('are accounts that the shop can show', async () => {
    const buyers = await issue(3);
    expect(await Promise.all(buyers.map(({ token }) => accountOf(token)))).toEqual(
      [0, 1, 2].map((index) => [
        200,
        `Load Buyer ${String(index)}`,
        `load-buyer-${String(index)}@example.com`,
      ]),
    );
  });

  it('are the same for two runs that begin at once', async () => {
    const [first, second] = await Promise.all([issue(200), issue(200)]);
    expect(new Set(first.map(({ id }) => id)).size).toBe(200);
    expect(second.map(({ id }) => id)).toEqual(first.map(({ id }) => id));
  });

  it('stay the same accounts, and are mended where they cannot be read', async () => {
    const before = await issue(3);
    // What earlier versions wrote, and what a key leaves behind that is not configured any more.
    await query(services.databaseUrl, [
      `UPDATE users SET name_ciphertext = '\\x${randomBytes(48).toString('hex')}', email_ciphertext = name_ciphertext`,
      `UPDATE users SET email_ciphertext = '\\x01026b39${randomBytes(48).toString('hex')}' WHERE id = '${String(before[1]?.id)}'`,
    ]);
    const after = await issue(4);
    expect(after.slice(0, 3).map(({ id }) => id)).toEqual(before.map(({ id }) => id));
    const accounts = await Promise.all(after.map(({ token }) => accountOf(token)));
    expect(accounts.map(([status]) => status)).toEqual([200, 200, 200, 200]);
  });
});

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '../../test/support/temporary-folder.js';
import { loadSecrets } from '../start/secrets.mjs';
import { buyerAddress, BUYER_ADDRESS_COUNT } from './buyer-address.mjs';
import {
  findLocalInstallation,
  getDatabaseUrl,
  getFieldEncryptionKeys,
  LocalInstallationError,
  parseOrigins,
} from './local-installation.mjs';

describe('findLocalInstallation', () => {
  it('reads what npm start wrote, one origin for each process', () => {
    const dataDir = temporaryFolder('installation');
    writeFileSync(
      join(dataDir, 'runtime.json'),
      JSON.stringify({ databaseUrl: 'postgres://local/db', port: 4000, managementPort: 9000, instances: 2 }),
    );

    expect(findLocalInstallation({ DATA_DIR: dataDir })).toEqual({
      dataDir,
      origins: ['http://127.0.0.1:4000', 'http://127.0.0.1:4001'],
      managementPort: 9000,
      databaseUrl: 'postgres://local/db',
      privateKeyFile: join(dataDir, 'secrets', 'jwt-private-key.pem'),
    });
  });

  it('lets the environment decide, and says what is missing only when it is asked for', () => {
    const installation = findLocalInstallation({
      DATA_DIR: '/nowhere',
      BASE_URL: 'http://localhost:5000/api/v1',
    });

    expect(installation.origins).toEqual(['http://localhost:5000']);
    expect(() => getDatabaseUrl(installation)).toThrow(LocalInstallationError);
  });
});

describe('getFieldEncryptionKeys', () => {
  it('are those of the environment, then those that npm start made', () => {
    const dataDir = temporaryFolder('installation');
    const installation = findLocalInstallation({ DATA_DIR: dataDir });
    expect(() => getFieldEncryptionKeys(installation)).toThrow(LocalInstallationError);
    const { FIELD_ENCRYPTION_KEYS } = loadSecrets(join(dataDir, 'secrets'), {});
    expect(getFieldEncryptionKeys(installation)).toBe(FIELD_ENCRYPTION_KEYS);
    expect(
      getFieldEncryptionKeys(findLocalInstallation({ DATA_DIR: dataDir, FIELD_ENCRYPTION_KEYS: 'k9:own' })),
    ).toBe('k9:own');
  });
});

describe('parseOrigins', () => {
  it.each(['https://127.0.0.1', 'http://shop.example', 'http://10.0.0.1:3000', 'nonsense'])(
    'refuses %s, which is not plain HTTP on this machine',
    (text) => {
      expect(() => parseOrigins(text)).toThrow(LocalInstallationError);
    },
  );
});

describe('buyerAddress', () => {
  it('gives every buyer an address of its own in the benchmark range', () => {
    const addresses = new Set(Array.from({ length: BUYER_ADDRESS_COUNT }, (_, i) => buyerAddress(i)));

    expect(addresses.size).toBe(BUYER_ADDRESS_COUNT);
    expect(buyerAddress(0)).toBe('198.18.0.0');
    expect(buyerAddress(BUYER_ADDRESS_COUNT - 1)).toBe('198.19.255.255');
  });
});

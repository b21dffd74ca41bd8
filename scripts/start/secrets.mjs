// @ts-check
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readJsonFile } from '../services/json-file.mjs';

/**
 * The secrets of this data directory as settings of the application, made at the first start. They
 * stay, because data encrypted with a lost key is lost and every session ends with the signing key.
 * What the environment sets already is left alone.
 *
 * @param {string} directory
 * @param {NodeJS.ProcessEnv} env
 * @returns {Record<string, string>}
 */
export function loadSecrets(directory, env) {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const keyFile = join(directory, 'jwt-private-key.pem');
  if (!existsSync(keyFile)) {
    const { privateKey } = generateKeyPairSync('rsa', {
      modulusLength: 2048,
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
      publicKeyEncoding: { type: 'spki', format: 'pem' },
    });
    writeFileSync(keyFile, privateKey, { mode: 0o600 });
  }
  const keysFile = join(directory, 'keys.json');
  if (!existsSync(keysFile)) {
    const key = () => randomBytes(32).toString('base64');
    const keys = { FIELD_ENCRYPTION_KEYS: `k1:${key()}`, BLIND_INDEX_KEY: key(), CURSOR_SIGNING_KEY: key() };
    writeFileSync(keysFile, `${JSON.stringify(keys, null, 2)}\n`, { mode: 0o600 });
  }
  /** @type {Record<string, string>} */
  const secrets = /** @type {Record<string, string>} */ (readJsonFile(keysFile));
  if (!env['JWT_PRIVATE_KEY']) secrets['JWT_PRIVATE_KEY_FILE'] = keyFile;
  return Object.fromEntries(Object.entries(secrets).filter(([name]) => !env[name]));
}

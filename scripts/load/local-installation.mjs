// Where the locally running Caudal keeps what the load tools need: the port it listens on, its
// database and the key it signs access tokens with. `npm start` writes DATA_DIR/runtime.json.
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { layoutOf } from '../start/data-directory.mjs';

/**
 * A problem the person at the terminal can mend. Commands print its message without a stack.
 */
export class LocalInstallationError extends Error {}

/**
 * @typedef {object} LocalInstallation
 * @property {string} dataDir absolute path
 * @property {string[]} origins one `http://127.0.0.1:PORT` per app process, never empty
 * @property {number} managementPort
 * @property {string | null} databaseUrl null when neither DATABASE_URL nor runtime.json names one
 * @property {string} privateKeyFile absolute path of the PEM key; may not exist
 * @property {string | undefined} [fieldEncryptionKeys] absent: those of the data directory
 */

/**
 * Reads the environment first and DATA_DIR/runtime.json second. Never fails for a missing file:
 * whoever needs the database or the key asks for it with the functions below.
 *
 * @param {NodeJS.ProcessEnv} env
 * @returns {LocalInstallation}
 */
export function findLocalInstallation(env) {
  const dataDir = resolve(env.DATA_DIR ?? '.caudal');
  const runtime = readRuntimeFile(join(dataDir, 'runtime.json'));
  const firstPort = Number(env.PORT ?? runtime.port ?? 3000);
  const instances = runtime.instances ?? 1;
  return {
    dataDir,
    origins: env.BASE_URL
      ? parseOrigins(env.BASE_URL)
      : Array.from({ length: instances }, (_, i) => `http://127.0.0.1:${String(firstPort + i)}`),
    managementPort: Number(env.MANAGEMENT_PORT ?? runtime.managementPort ?? 9464),
    databaseUrl: env.DATABASE_URL ?? runtime.databaseUrl ?? null,
    privateKeyFile: resolve(
      env.JWT_PRIVATE_KEY_FILE ?? join(layoutOf(dataDir).secrets, 'jwt-private-key.pem'),
    ),
    fieldEncryptionKeys: env.FIELD_ENCRYPTION_KEYS || undefined,
  };
}

/**
 * Accepts one or several comma-separated base URLs, with or without `/api/v1`. Only loopback is
 * allowed: these tools make thousands of buyers and must never be pointed at somebody's shop.
 *
 * @param {string} text
 * @returns {string[]}
 */
export function parseOrigins(text) {
  return text.split(',').map((part) => {
    const url = URL.canParse(part.trim()) ? new URL(part.trim()) : null;
    if (url?.protocol !== 'http:') {
      throw new LocalInstallationError(`BASE_URL must be an http:// URL, not "${part.trim()}"`);
    }
    if (!['127.0.0.1', 'localhost', '[::1]'].includes(url.hostname)) {
      throw new LocalInstallationError(
        `BASE_URL must be on this machine (127.0.0.1, localhost or [::1]), not ${url.hostname}`,
      );
    }
    return url.origin;
  });
}

/**
 * @param {LocalInstallation} installation
 * @returns {string}
 */
export function getDatabaseUrl(installation) {
  if (installation.databaseUrl) return installation.databaseUrl;
  throw new LocalInstallationError(
    `No database: ${join(installation.dataDir, 'runtime.json')} is missing (is \`npm start\` running?) and DATABASE_URL is not set`,
  );
}

/**
 * @param {LocalInstallation} installation
 * @returns {string} PEM text
 */
export function getPrivateKeyPem(installation) {
  if (existsSync(installation.privateKeyFile)) {
    return readFileSync(installation.privateKeyFile, 'utf8');
  }
  throw new LocalInstallationError(
    `No signing key at ${installation.privateKeyFile}: start the server once with \`npm start\`, or name the key with JWT_PRIVATE_KEY_FILE`,
  );
}

/**
 * @param {LocalInstallation} installation
 * @returns {string} as in FIELD_ENCRYPTION_KEYS
 */
export function getFieldEncryptionKeys(installation) {
  if (installation.fieldEncryptionKeys) return installation.fieldEncryptionKeys;
  const file = join(layoutOf(installation.dataDir).secrets, 'keys.json');
  const secrets = existsSync(file)
    ? /** @type {{ FIELD_ENCRYPTION_KEYS?: string }} */ (JSON.parse(readFileSync(file, 'utf8')))
    : {};
  if (secrets.FIELD_ENCRYPTION_KEYS) return secrets.FIELD_ENCRYPTION_KEYS;
  throw new LocalInstallationError(
    `No encryption key in ${file}: start the server once with \`npm start\`, or set FIELD_ENCRYPTION_KEYS as the server has it`,
  );
}

/**
 * @typedef {{ databaseUrl?: string, port?: number, managementPort?: number, instances?: number }} RuntimeFile
 */

/**
 * @param {string} file
 * @returns {RuntimeFile}
 */
function readRuntimeFile(file) {
  return existsSync(file) ? /** @type {RuntimeFile} */ (JSON.parse(readFileSync(file, 'utf8'))) : {};
}

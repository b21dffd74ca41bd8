// @ts-check
import { execFile } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const execute = promisify(execFile);
/** No rehearsal lasts a day; nothing that is left over is good for longer. */
const DAYS = '2';
const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-noenc'];

/**
 * Paths of two files in PEM.
 *
 * @typedef {{ certificate: string, key: string }} Identity
 */

/** A certificate authority whose files are all in one directory. It is as good as the directory is closed. */
export class Authority {
  /** @param {string} directory @param {Identity} own */
  constructor(directory, own) {
    this.directory = directory;
    /** What its certificates are checked with. */
    this.certificate = own.certificate;
    this.key = own.key;
  }

  /** @param {string} directory @param {string} name */
  static async create(directory, name) {
    const own = pathsOf(directory, name);
    await openssl([
      ...['req', '-x509', ...KEY, '-days', DAYS, '-subj', `/CN=${name}`],
      ...['-keyout', own.key, '-out', own.certificate],
      ...['-addext', 'keyUsage=critical,keyCertSign,digitalSignature'],
    ]);
    return new Authority(directory, own);
  }

  /**
   * For a server at these names and addresses.
   *
   * @param {string} name of the files, and the common name
   * @param {readonly string[]} hosts
   */
  server(name, hosts) {
    const names = hosts.map((host) => `${/^[\d.]+$|:/.test(host) ? 'IP' : 'DNS'}:${host}`);
    return this.#issue(name, `/CN=${name}`, 'serverAuth', ['-addext', `subjectAltName=${names.join(',')}`]);
  }

  /**
   * For a client: Kubernetes takes the common name for the user and the organisations for the groups.
   *
   * @param {string} name of the files
   * @param {string} user
   * @param {readonly string[]} [groups]
   */
  client(name, user, groups = []) {
    const subject = [...groups.map((group) => `/O=${group}`), `/CN=${user}`].join('');
    return this.#issue(name, subject, 'clientAuth', []);
  }

  /**
   * @param {string} name
   * @param {string} subject
   * @param {string} usage
   * @param {string[]} more
   * @returns {Promise<Identity>}
   */
  async #issue(name, subject, usage, more) {
    const files = pathsOf(this.directory, name);
    await openssl([
      ...['req', '-x509', '-CA', this.certificate, '-CAkey', this.key, ...KEY, '-days', DAYS],
      ...['-subj', subject, '-keyout', files.key, '-out', files.certificate],
      ...['-addext', 'basicConstraints=critical,CA:false', '-addext', `extendedKeyUsage=${usage}`, ...more],
    ]);
    return files;
  }
}

/**
 * The pair that signs the tokens of service accounts.
 *
 * @param {string} directory
 */
export function createTokenKeys(directory) {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const keys = { private: join(directory, 'tokens.key'), public: join(directory, 'tokens.pub') };
  writeFileSync(keys.private, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  writeFileSync(keys.public, publicKey.export({ type: 'spki', format: 'pem' }));
  return keys;
}

/**
 * A file by which a client finds the API server and says who it is.
 *
 * @param {{ path: string, server: string, authority: string, identity: Identity, namespace?: string }} options
 */
export function writeKubeconfig({ path, server, authority, identity, namespace = 'default' }) {
  const inline = (/** @type {string} */ file) => readFileSync(file).toString('base64');
  // JSON is YAML.
  const config = {
    ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'rehearsal' },
    clusters: [{ name: 'rehearsal', cluster: { server, 'certificate-authority-data': inline(authority) } }],
    contexts: [{ name: 'rehearsal', context: { cluster: 'rehearsal', user: 'rehearsal', namespace } }],
    users: [
      {
        name: 'rehearsal',
        user: {
          'client-certificate-data': inline(identity.certificate),
          'client-key-data': inline(identity.key),
        },
      },
    ],
  };
  writeFileSync(path, JSON.stringify(config, null, 2), { mode: 0o600 });
  return path;
}

/** @param {string} directory @param {string} name @returns {Identity} */
const pathsOf = (directory, name) => ({
  certificate: join(directory, `${name}.crt`),
  key: join(directory, `${name}.key`),
});

/** @param {string[]} args */
async function openssl(args) {
  await execute('openssl', args, { timeout: 60_000 });
}

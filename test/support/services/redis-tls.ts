import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findFreePort } from '../../../scripts/services/ports.mjs';
import { findRedisServer } from '../../../scripts/services/redis-server.mjs';
import { getSharedServices, type SharedServices } from './shared-services.js';

/** A CA and a certificate of it for servers on 127.0.0.1. */
export interface TlsFiles {
  /** For NODE_EXTRA_CA_CERTS. */
  readonly caFile: string;
  readonly ca: string;
  readonly certificateFile: string;
  readonly keyFile: string;
}

/** @throws when there is no `openssl`. */
export function createTlsFiles(directory: string, commonName = 'Test CA'): TlsFiles {
  mkdirSync(directory, { recursive: true });
  const file = (name: string) => join(directory, name);
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: 'pipe' });
  writeFileSync(file('names'), 'subjectAltName=IP:127.0.0.1\n');
  openssl(
    ...['req', '-x509', ...newKey, '-days', '2', '-subj', `/CN=${commonName}`],
    ...['-keyout', file('ca.key'), '-out', file('ca.pem')],
  );
  openssl(
    ...['req', ...newKey, '-subj', '/CN=redis'],
    ...['-keyout', file('redis.key'), '-out', file('redis.csr')],
  );
  openssl(
    ...['x509', '-req', '-in', file('redis.csr'), '-CA', file('ca.pem'), '-CAkey', file('ca.key')],
    ...['-CAcreateserial', '-days', '2', '-extfile', file('names'), '-out', file('redis.pem')],
  );
  return {
    caFile: file('ca.pem'),
    ca: readFileSync(file('ca.pem'), 'utf8'),
    certificateFile: file('redis.pem'),
    keyFile: file('redis.key'),
  };
}

/**
 * Settings with which a server, a node or a sentinel answers over TLS on a port of its own, and talks to
 * the others over TLS. The plain port stays, for the test itself.
 */
export async function tlsSettings(
  files: TlsFiles,
): Promise<{ port: number; settings: Record<string, string> }> {
  const port = await findFreePort();
  return {
    port,
    settings: {
      'tls-port': String(port),
      'tls-cert-file': files.certificateFile,
      'tls-key-file': files.keyFile,
      'tls-ca-cert-file': files.caFile,
      'tls-auth-clients': 'no',
      'tls-replication': 'yes',
    },
  };
}

/** With a server that can do TLS, whatever the suites run on: the Valkey of the PyPI wheel is built without. */
export async function sharedServicesWithTls(): Promise<SharedServices> {
  return { ...getSharedServices(), redisServer: await findRedisServer({ ways: ['path', 'debian'] }) };
}

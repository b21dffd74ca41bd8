import { findFreePort } from '../../../scripts/services/ports.mjs';
import { findRedisServer } from '../../../scripts/services/redis-server.mjs';
import { getSharedServices, type SharedServices } from './shared-services.js';
import type { TlsFiles } from './tls-files.js';

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

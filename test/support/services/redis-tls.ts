import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { findFreePort } from '../../../scripts/services/ports.mjs';
import { type Redis, startRedis } from '../../../scripts/services/redis.mjs';
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

/** One server that answers over TLS at the URL. */
export async function startRedisWithTls(
  { directory, runDir, redisServer: server }: SharedServices,
  files: TlsFiles,
): Promise<{ server: Redis; url: string }> {
  const { port, settings } = await tlsSettings(files);
  const name = `redis-tls-${randomBytes(8).toString('hex')}`;
  return {
    server: await startRedis({ dir: join(directory, name), name, runDir, server, settings }),
    url: `rediss://127.0.0.1:${String(port)}`,
  };
}

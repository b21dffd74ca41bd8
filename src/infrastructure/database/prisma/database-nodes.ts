import { expandPostgresHosts } from '../../../common/postgres-hosts.js';
import type { AppConfig } from '../../../config/index.js';

/** One server address, or one entry of PgBouncer. */
export interface DatabaseNode {
  /** For logs: host, port and database, no secret. */
  readonly name: string;
  readonly url: string;
}

export interface DatabaseNodes {
  /** Every node, each once: those of DATABASE_URL first. Any of them may be the writer. */
  readonly all: readonly DatabaseNode[];
  /** Those that are read, in the order of DATABASE_REPLICA_URLS. */
  readonly replicas: readonly DatabaseNode[];
}

/** The most connections that one process opens, to all nodes together. */
export interface ConnectionBudget {
  /** To the writer, but for the reserved ones. */
  readonly write: number;
  /** To the writer, for batches of orders alone; none where nobody places one. */
  readonly reserved: number;
  readonly readPerReplica: number;
  /** One for each node, to look at it. */
  readonly watch: number;
  readonly total: number;
}

/** Of the connections to the writer; of fewer than four none is reserved. */
const RESERVED_SHARE_MAX = 0.25;

export function listNodes({ env }: AppConfig): DatabaseNodes {
  const known = new Map<string, DatabaseNode>();
  const nodeOf = (url: string): DatabaseNode => {
    const name = nameOf(url);
    const node = known.get(name) ?? { name, url };
    known.set(name, node);
    return node;
  };
  for (const url of expandPostgresHosts(env.DATABASE_URL)) nodeOf(url);
  const replicas = env.DATABASE_REPLICA_URLS.map(nodeOf);
  return { all: [...known.values()], replicas: env.FEATURE_REPLICA_READS ? replicas : [] };
}

/**
 * What a fleet opens is this times its processes; it must fit into PostgreSQL's `max_connections` or
 * PgBouncer's `max_client_conn`. While a writer is followed to another node, the pool to the old one is
 * closed as the new one opens.
 */
export function connectionBudget(config: AppConfig): ConnectionBudget {
  const { all, replicas } = listNodes(config);
  const { write, read } = config.poolSizes;
  const batches = config.servesApi ? 2 * config.env.ORDER_BATCH_CONCURRENCY : 0;
  const reserved = Math.min(batches, Math.floor(write * RESERVED_SHARE_MAX));
  const readPerReplica = replicas.length === 0 ? 0 : Math.max(1, Math.floor(read / replicas.length));
  const watch = all.length;
  const total = write + readPerReplica * replicas.length + watch;
  return { write: write - reserved, reserved, readPerReplica, watch, total };
}

function nameOf(url: string): string {
  const { hostname, port, pathname } = new URL(url);
  return `${hostname}:${port === '' ? '5432' : port}${pathname}`;
}

import { Client, type ClientConfig } from 'pg';
import { destroyConnection } from './node-pool.js';
import { NodeSilentError } from './database-outages.js';
import { parseWalPosition, type WalPosition } from './wal-position.js';

/** A node that is worth asking says so sooner: a probe is one statement, at times a connection. */
const PROBE_DEADLINE_MS = 1000;
const PROBE_TICKS = 10;
/** An address may come to lead elsewhere; a connection that is kept would not notice. */
const CONNECTION_AGE_MAX_MS = 30_000;

/** What a node says of itself. */
export interface NodeState {
  readonly isStandby: boolean;
  /** Of the primary the one it writes; of a standby the one it receives or had at its last restart point. */
  readonly timeline: number;
  /** Of the primary where it inserts, of a standby up to where it has replayed. */
  readonly position: WalPosition;
}

/**
 * The name of a WAL file begins with the timeline. `pg_control_checkpoint` alone would not do for a primary:
 * it shows the old timeline until the first checkpoint after the promotion.
 */
const STATE = `SELECT pg_is_in_recovery() AS standby,
  CASE WHEN pg_is_in_recovery() THEN lpad(to_hex(greatest(
           (pg_control_checkpoint()).timeline_id, (SELECT received_tli FROM pg_stat_wal_receiver))), 8, '0')
       ELSE left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) END AS timeline,
  CASE WHEN pg_is_in_recovery() THEN coalesce(pg_last_wal_replay_lsn(), '0/0')
       ELSE pg_current_wal_insert_lsn() END::text AS position`;

/** A pool's connection has a longer deadline of its own. */
const STATE_QUERY = { text: STATE, query_timeout: PROBE_DEADLINE_MS };

interface StateRow {
  readonly standby: boolean;
  readonly timeline: string;
  readonly position: string;
}

/**
 * Asks one node for its state, on a connection of its own, because those of a pool may all hang: the only one
 * that this process has to the node beside its pool. Who asks waits for whoever asked before.
 */
export class NodeProbe {
  private client: Client | null = null;
  private connectedAtMs = 0;
  private isClosed = false;
  private last: Promise<unknown> = Promise.resolve();

  constructor(private readonly connection: ClientConfig) {}

  /**
   * On the connection that was kept, or on a new one after a failure.
   *
   * @throws the driver's error when the node did not answer in time.
   */
  ask(): Promise<NodeState> {
    return this.inTurn(() => this.askOnce());
  }

  /** On a new connection, so that the answer also says that one can be had. @throws as {@link ask}. */
  askAnew(): Promise<NodeState> {
    return this.inTurn(() => {
      this.drop();
      return this.askOnce();
    });
  }

  close(): void {
    this.isClosed = true;
    this.drop();
  }

  private inTurn(ask: () => Promise<NodeState>): Promise<NodeState> {
    const answer = this.last.then(ask);
    this.last = answer.catch(() => undefined);
    return answer;
  }

  private async askOnce(): Promise<NodeState> {
    try {
      return await withinTicks(this.connected().then(askNode));
    } catch (error) {
      this.drop();
      throw error;
    }
  }

  private async connected(): Promise<Client> {
    if (this.isClosed) throw new Error('the pools are being closed');
    if (this.client !== null && performance.now() - this.connectedAtMs > CONNECTION_AGE_MAX_MS) this.drop();
    if (this.client !== null) return this.client;
    const client = new Client(this.connection);
    // Its calls reject by themselves; without a listener the event ends the process.
    client.on('error', () => {
      if (this.client === client) this.drop();
    });
    this.client = client;
    this.connectedAtMs = performance.now();
    await client.connect();
    return client;
  }

  private drop(): void {
    const { client } = this;
    this.client = null;
    if (client === null) return;
    client.end().catch(() => undefined);
    destroyConnection(client);
  }
}

/**
 * The deadline counts turns of the event loop as well as time: an answer that lies ready while this process
 * was busy with itself must not make a node look dead.
 */
function withinTicks<T>(answer: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    let ticks = 0;
    const timer = setInterval(() => {
      ticks += 1;
      if (ticks < PROBE_TICKS) return;
      clearInterval(timer);
      reject(new NodeSilentError());
    }, PROBE_DEADLINE_MS / PROBE_TICKS);
    answer.then(resolve, reject).finally(() => {
      clearInterval(timer);
    });
  });
}

/** The state of the node behind a connection, for one that is about to be used. */
export async function askNode(client: Pick<Client, 'query'>): Promise<NodeState> {
  const { rows } = await client.query<StateRow>(STATE_QUERY);
  const [row] = rows;
  if (row === undefined) throw new Error('a node did not tell its state');
  return {
    isStandby: row.standby,
    timeline: parseInt(row.timeline, 16),
    position: parseWalPosition(row.position),
  };
}

import pg, { type PoolClient, type PoolConfig } from 'pg';
import { activeTracing } from '../../tracing/index.js';
import { PoolSaturatedError } from './database-outages.js';
import type { PoolGauge } from './pool-metrics.js';
import { traceQueries } from './traced-queries.js';

export interface NodePoolOptions {
  readonly config: PoolConfig;
  /** Callers that may wait for a connection; more are refused at once. */
  readonly waitersMax: number;
  readonly gauge: PoolGauge;
  /** Asked before each connection is given out: why none may be, null when one may. */
  readonly gate?: () => Error | null;
  /** Rejects when a new connection may not be used. */
  readonly admit?: (client: pg.ClientBase) => Promise<void>;
  /** Hears every failed statement and every connection that could not be had. */
  readonly onFailure?: (error: unknown) => void;
}

type ConnectCallback = (error: Error | undefined, client: PoolClient | undefined, done: Release) => void;
type Release = (release?: unknown) => void;
type Query = PoolClient['query'];

const WAITED_TOO_LONG = 'timeout exceeded when trying to connect';
const noRelease: Release = () => undefined;

/**
 * A node-postgres pool to one node, with a bounded queue. A caller gets a connection, or an error within
 * `connectionTimeoutMillis`; {@link abandon} gives up everybody at once.
 */
export class NodePool extends pg.Pool {
  private readonly waiters = new Set<(error: Error) => void>();
  private readonly open = new Set<PoolClient>();

  constructor(private readonly bounds: NodePoolOptions) {
    const { config, admit } = bounds;
    // The driver waits for the promise, which its types do not say.
    const hook = admit as ((client: pg.ClientBase) => unknown) | undefined;
    super(hook === undefined ? config : { ...config, onConnect: hook });
    this.on('connect', (client) => {
      this.adopt(client);
    });
    this.on('remove', (client) => this.open.delete(client));
    // An idle connection that the server ends is replaced by the pool; without a listener it ends the process.
    this.on('error', (error) => {
      bounds.onFailure?.(error);
    });
    const tracing = activeTracing();
    if (tracing !== null) traceQueries(this, tracing);
  }

  get busyCount(): number {
    return this.totalCount - this.idleCount;
  }

  override connect(): Promise<PoolClient>;
  override connect(callback: ConnectCallback): void;
  override connect(callback?: ConnectCallback): Promise<PoolClient> | undefined {
    if (callback !== undefined) {
      this.acquire(callback);
      return undefined;
    }
    return new Promise((resolve, reject) => {
      this.acquire((error, client) => {
        if (client === undefined) reject(error ?? new Error('the pool gave no connection'));
        else resolve(client);
      });
    });
  }

  /**
   * Gives up whoever waits and closes every connection at once, also those in the middle of a statement,
   * whose callers get an error. The pool can be used again unless it was ended.
   */
  abandon(reason: Error): void {
    for (const giveUp of this.waiters) giveUp(reason);
    for (const client of this.open) destroyConnection(client);
  }

  private acquire(callback: ConnectCallback): void {
    const { gauge, waitersMax, gate, onFailure } = this.bounds;
    const refusal = gate?.() ?? null;
    if (refusal !== null) {
      callback(refusal, undefined, noRelease);
      return;
    }
    if (this.waitingCount >= waitersMax) {
      gauge.refused();
      callback(new PoolSaturatedError('too many wait for a connection'), undefined, noRelease);
      return;
    }
    const startMs = performance.now();
    const giveUp = (error: Error): void => {
      // A connection that comes after this is given back below.
      this.waiters.delete(giveUp);
      callback(error, undefined, noRelease);
    };
    this.waiters.add(giveUp);
    super.connect((error, client, done) => {
      if (!this.waiters.delete(giveUp)) {
        // With an error there is none, and no `done` either.
        if (client !== undefined) done();
        return;
      }
      gauge.waited((performance.now() - startMs) / 1000);
      if (client !== undefined) {
        callback(undefined, client, done);
        return;
      }
      const failure = toSaturation(error, gauge);
      onFailure?.(failure);
      callback(failure, undefined, noRelease);
    });
  }

  private adopt(client: PoolClient): void {
    const { gauge, onFailure } = this.bounds;
    const failed = (error: unknown): void => {
      gauge.failed(error);
      onFailure?.(error);
    };
    const query = client.query.bind(client) as (...args: unknown[]) => unknown;
    client.query = ((...args: unknown[]) => {
      gauge.sent();
      const callback = args.at(-1);
      if (typeof callback === 'function') {
        args[args.length - 1] = (error: unknown, result: unknown) => {
          if (error !== null && error !== undefined) failed(error);
          (callback as (error: unknown, result: unknown) => void)(error, result);
        };
        return query(...args);
      }
      const result = query(...args);
      if (result instanceof Promise) result.catch(failed);
      return result;
    }) as Query;
    // The pool listens only while the connection is idle; one that is lost in the middle of a transaction
    // rejects its statement as well, and without a listener it also ends the process.
    client.on('error', () => undefined);
    this.open.add(client);
  }
}

function toSaturation(error: Error | undefined, gauge: PoolGauge): Error {
  if (error === undefined) return new Error('the pool gave no connection');
  if (error.message !== WAITED_TOO_LONG) {
    gauge.failed(error);
    return error;
  }
  gauge.refused();
  return new PoolSaturatedError('waited too long for a connection');
}

/** Without a word to the server, which may not listen. */
export function destroyConnection(client: pg.ClientBase): void {
  const { connection } = client as { connection?: { stream?: { destroy(): void } } };
  connection?.stream?.destroy();
}

import { AsyncResource } from 'node:async_hooks';
import type { Pool, PoolClient } from 'pg';
import type { Tracing } from '../../tracing/index.js';

const STATEMENT_LENGTH_MAX = 300;

type Callback = (error: unknown, result: unknown) => void;
type Query = (...args: unknown[]) => unknown;

/**
 * Gives every statement that is sent on behalf of a traced request or job a span, with its text: values are
 * parameters and are not in it.
 */
export function traceQueries(pool: Pool, tracing: Tracing): void {
  const connect = pool.connect.bind(pool) as (callback?: Callback) => unknown;
  // Who waits for a connection is called by whoever gives one back, and would be in their trace.
  pool.connect = ((callback?: Callback) =>
    callback === undefined ? connect() : connect(AsyncResource.bind(callback))) as typeof pool.connect;
  pool.on('connect', (client) => {
    traceClient(client, tracing);
  });
}

function traceClient(client: PoolClient, tracing: Tracing): void {
  const query = client.query.bind(client) as Query;
  client.query = ((...args: unknown[]): unknown => {
    const text = textOf(args[0]);
    const operation = /^\s*(\w+)/.exec(text)?.[1]?.toUpperCase() ?? 'QUERY';
    const span = tracing.startChild(operation, 'client', {
      'db.system.name': 'postgresql',
      'db.operation.name': operation,
      'db.query.text': text.slice(0, STATEMENT_LENGTH_MAX),
    });
    if (span === null) return query(...args);
    const last = args.at(-1);
    if (typeof last === 'function') {
      const callback = last as Callback;
      return query(...args.slice(0, -1), (error: unknown, result: unknown) => {
        span.end(error ?? undefined);
        callback(error, result);
      });
    }
    const answer = query(...args);
    if (answer instanceof Promise)
      answer.then(
        () => {
          span.end();
        },
        (error: unknown) => {
          span.end(error);
        },
      );
    else span.end();
    return answer;
  }) as PoolClient['query'];
}

function textOf(query: unknown): string {
  if (typeof query === 'string') return query;
  const text: unknown = typeof query === 'object' && query !== null ? Reflect.get(query, 'text') : '';
  return typeof text === 'string' ? text : '';
}

import { Cluster } from 'ioredis';
import type { RedisTarget } from '../../config/index.js';
import type { Logger } from '../logging/index.js';
import { activeTracing } from '../tracing/index.js';
import { openClient, openSubscription } from './redis-connection.js';
import type { RedisClient } from './redis-role.js';
import { RedisSubscriber } from './redis-subscriber.js';
import { RedisTraffic } from './redis-traffic.js';
import { findTlsProblem } from './tls-problem.js';
import { traceCommands } from './traced-commands.js';

/** A subscriber is nobody's request: a pause of the server shorter than this does not break it off. */
const SUBSCRIBER_TIMEOUT_MS = 1000;

interface StoreOptions {
  readonly target: RedisTarget;
  /** A role, or `sessions@<region>`: how logs, metrics and CLIENT LIST name it. */
  readonly label: string;
  readonly deadlineMs: number;
}

/** The connections to one server or cluster: one for commands, and one that listens once somebody asks for it. */
export class RedisStore {
  readonly client: RedisClient;
  readonly subscriber: RedisSubscriber;
  readonly traffic = new RedisTraffic();

  constructor(
    private readonly options: StoreOptions,
    private readonly logger: Logger,
  ) {
    const { target, label, deadlineMs } = options;
    this.client = openClient(target, { name: `caudal-${label}`, deadlineMs, traffic: this.traffic });
    const tracing = activeTracing();
    if (tracing !== null) traceCommands(this.client, label, tracing);
    this.report();
    this.subscriber = this.makeSubscriber();
  }

  get target(): RedisTarget {
    return this.options.target;
  }

  /** False while a command would fail without being sent. */
  get isReady(): boolean {
    return this.client.status === 'ready';
  }

  close(): void {
    this.subscriber.close();
    this.client.disconnect();
  }

  private makeSubscriber(): RedisSubscriber {
    const { target, label } = this.options;
    const { client, traffic, logger } = this;
    const options = { name: `caudal-${label}-subscriber`, deadlineMs: SUBSCRIBER_TIMEOUT_MS };
    return new RedisSubscriber({
      open: () => {
        const nodes = client instanceof Cluster ? client.nodes('all') : [];
        return openSubscription(
          target,
          options,
          nodes.flatMap(({ options: { host, port } }) =>
            host === undefined || port === undefined ? [] : [{ host, port }],
          ),
        );
      },
      check: async (connection) => {
        if (target.mode !== 'cluster') await connection.ping();
        // A node that is cut off from the others hears nothing, and answers all the same.
        else if (!(await connection.cluster('INFO')).includes('cluster_state:ok'))
          throw new Error('the node is cut off from its cluster');
      },
      onInterruption: () => {
        traffic.interruptions += 1;
        logger.warn({ role: label }, 'a Redis subscription was interrupted');
      },
      onHandlerError: (error, channel) => {
        logger.error({ err: error, role: label, channel }, 'a handler of a Redis subscription failed');
      },
    });
  }

  private report(): void {
    const { client, traffic, logger } = this;
    const role = this.options.label;
    let [wasReady, isDown] = [false, false];
    client.on('error', (error: Error) => {
      if (!isDown) void this.warn(error);
      isDown = true;
    });
    client.on('ready', () => {
      if (isDown) logger.info({ role }, 'Redis is reachable again');
      if (wasReady) traffic.reconnects += 1;
      [wasReady, isDown] = [true, false];
    });
  }

  private async warn({ message }: Error): Promise<void> {
    const { target, label: role } = this.options;
    const problem = target.isTls && target.mode !== 'single' ? await findTlsProblem(target) : null;
    this.logger.warn({ role, reason: problem ?? message }, 'Redis is not reachable; running degraded');
  }
}

import { Cluster, type ClusterNode, type ClusterOptions, type Command, type Redis } from 'ioredis';
import { timedOut } from './command-deadlines.js';
import { gatherWrites } from './gathered-writes.js';
import type { RedisTraffic } from './redis-traffic.js';

type Stream = Parameters<Cluster['sendCommand']>[1];

export type DeadlineClusterOptions = ClusterOptions & { redisOptions?: { replyMapping?: 'legacy' } };

/** What a command carries through the hands of the library, which may send it several times. */
interface Watched extends Command {
  /** When it first left. */
  [START]?: number;
  /** The promise that is watched; the library gives a command of a pipeline a new one when it repeats it. */
  [WATCHED]?: Promise<unknown>;
  /** True once its caller was told that it failed. */
  [ABANDONED]?: boolean;
}

const START = Symbol('start');
const WATCHED = Symbol('watched');
const ABANDONED = Symbol('abandoned');

const notReady = (): Error => new Error("Cluster isn't ready");

/**
 * A client of a cluster whose every command settles within a deadline, also one that waits for a
 * redirect, for a connection to the node it was redirected to, or for a slot to finish moving.
 *
 * The library keeps such commands in queues of its own and would execute them after their deadline;
 * a command whose caller was told that it failed is therefore dropped where it would be sent again.
 * Commands in flight on a connection that is lost fail (`retryDelayOnFailover: 0`): whether they were
 * executed is not known, so they are not repeated. While the cluster is not connected they fail at once.
 */
export class DeadlineCluster extends Cluster {
  constructor(
    nodes: ClusterNode[],
    options: DeadlineClusterOptions,
    private readonly deadlineMs: number,
    private readonly traffic: RedisTraffic,
  ) {
    super(nodes, options);
    this.on('+node', (node: Redis) => {
      guard(node);
    });
  }

  override sendCommand(command: Watched, stream?: Stream, node?: unknown): unknown {
    if (command[ABANDONED] === true) return command.promise;
    // CLUSTER is how the library itself gets ready.
    if (this.status !== 'ready' && command.name !== 'cluster') {
      command.reject(notReady());
      return command.promise;
    }
    if (command[WATCHED] !== command.promise) this.setDeadline(command);
    return super.sendCommand(command, stream, node);
  }

  /** Used by pipelines of a cluster that has never been ready, which would wait without a deadline. */
  override delayUntilReady(callback: (error?: Error) => void): void {
    process.nextTick(callback, notReady());
  }

  private setDeadline(command: Watched): void {
    const promise: Promise<unknown> = command.promise as Promise<unknown>;
    command[WATCHED] = promise;
    // Not the one that the library puts in its place, which looks for redirects.
    const reject = command.reject.bind(command);
    let isSettled = false;
    let timer: NodeJS.Timeout | undefined;
    const expire = () => {
      if (isSettled) return;
      command[ABANDONED] = true;
      this.traffic.timeouts += 1;
      reject(timedOut());
    };
    // It leaves at the end of the turn, however long that is, and can be answered only from then on.
    process.nextTick(() => {
      if (isSettled) return;
      const nowMs = performance.now();
      const startMs = (command[START] ??= nowMs);
      // Let the loop read once more: only a silent server misses the deadline.
      timer = setTimeout(() => setImmediate(expire), Math.max(0, startMs + this.deadlineMs - nowMs));
    });
    this.traffic.pending += 1;
    const settle = () => {
      isSettled = true;
      clearTimeout(timer);
      const nowMs = performance.now();
      this.traffic.pending -= 1;
      this.traffic.observe(nowMs - (command[START] ?? nowMs), 1);
    };
    promise.then(settle, settle);
  }
}

/** Keeps abandoned commands from a node, sends the others together, and connects it before it is needed. */
function guard(node: Redis): void {
  const send = node.sendCommand.bind(node);
  node.sendCommand = (command: Watched, stream) => {
    if (command[ABANDONED] === true) return command.promise;
    // Sent in front of a redirected command by the library, which listens only to that one.
    if (command.name === 'asking') command.promise.catch(() => undefined);
    gatherWrites(node.stream);
    return send(command, stream);
  };
  node.connect().catch(() => undefined);
}

import type { PrismaClient } from './generated/client.js';
import { isNodeUnavailable, sqlStateOf } from './database-errors.js';
import type { DatabaseNode } from './database-nodes.js';
import { NotWriterError, WriterLostError } from './database-outages.js';
import type { NodePool } from './node-pool.js';
import type { NodeState } from './node-probe.js';

/** A writer that only we cannot reach in time is not given up at once: the delay may be ours. */
const FAILED_LOOKS_MAX = 3;
/** How soon nodes are looked at again while there is no writer: a tenth of the time that has passed since. */
const SEARCH_PAUSE_MIN_MS = 50;
const SEARCH_PAUSE_SHARE = 0.1;

/** The pools and the client to the node that is written to. */
export interface Writer {
  readonly node: DatabaseNode;
  readonly pool: NodePool;
  /** For batches, which a crowd of single transactions must not keep waiting; the same pool when it is too small. */
  readonly reserved: NodePool;
  readonly client: PrismaClient;
}

export interface WriterEvents {
  onChanged(from: DatabaseNode, to: DatabaseNode, timeline: number): void;
  onLost(node: DatabaseNode, reason: string, isDemoted: boolean): void;
  onRegained(node: DatabaseNode): void;
}

export interface WriterFollowerOptions {
  readonly nodes: readonly DatabaseNode[];
  readonly open: (node: DatabaseNode) => Writer;
  readonly events: WriterEvents;
  /** Looks at every node at once. */
  readonly wake: () => void;
  readonly intervalMs: number;
  readonly nowMs?: () => number;
}

/**
 * Knows which node is written to: the one that is not in recovery and has the highest timeline, as libpq's
 * `target_session_attrs=read-write` would find it, and beyond that fenced by timeline. PostgreSQL counts
 * the timeline up at each promotion, so a primary that comes back after another was promoted has a lower
 * one and is never written to by a process that knows of the promotion.
 *
 * A failure of the writer is heard from its pool at once ({@link suspect}); when a look at the node fails
 * as well, it is lost: callers are refused without a wait, connections are closed, and all nodes are looked
 * at in quick succession until one can be written to. The first that qualifies is followed.
 */
export class WriterFollower {
  private writer: Writer;
  private timeline = 0;
  private highest = 0;
  private isSettled = false;
  private isSuspected = false;
  private failedLooks = 0;
  private lostAtMs: number | null = null;
  private lossReason = '';
  private readonly states = new Map<DatabaseNode, NodeState>();
  private readonly nowMs: () => number;

  constructor(private readonly options: WriterFollowerOptions) {
    const [first] = options.nodes;
    if (first === undefined) throw new Error('there is no node to write to');
    this.nowMs = options.nowMs ?? (() => performance.now());
    this.writer = options.open(first);
  }

  get current(): Writer {
    return this.writer;
  }

  get isLost(): boolean {
    return this.lostAtMs !== null;
  }

  /** The highest timeline that any node was seen on; a node below it is not written to. */
  get highestTimeline(): number {
    return this.highest;
  }

  /** Why a caller may not have a connection to the writer. */
  readonly gate = (): Error | null => (this.isLost ? new WriterLostError(this.lossReason) : null);

  get pauseMs(): number {
    const { intervalMs } = this.options;
    if (this.lostAtMs === null) return intervalMs;
    const share = (this.nowMs() - this.lostAtMs) * SEARCH_PAUSE_SHARE;
    return Math.min(intervalMs, Math.max(SEARCH_PAUSE_MIN_MS, share));
  }

  /** Every node was looked at once: from now on there is a choice. */
  settle(): void {
    this.isSettled = true;
    const { node } = this.writer;
    const best = this.best();
    // Nobody was told to come here yet: the next look decides.
    if (best === null) this.lookAgain();
    else if (best.node !== node) this.follow(best.node, best.state);
    else this.timeline = best.state.timeline;
  }

  heard(node: DatabaseNode, state: NodeState): void {
    this.states.set(node, state);
    this.noteTimeline(state.timeline);
    if (!this.isSettled) return;
    if (node === this.writer.node) this.heardWriter(state);
    else if (this.qualifies(state) && (this.isLost || state.timeline > this.timeline))
      this.follow(node, state);
  }

  /** A look at the node failed. */
  failed(node: DatabaseNode, error: unknown): void {
    this.states.delete(node);
    if (!this.isSettled || node !== this.writer.node || this.isLost) return;
    // It answers, but has no connection or memory left for us.
    if (sqlStateOf(error)?.startsWith('53') === true) return;
    this.failedLooks += 1;
    if (this.isSuspected || this.failedLooks >= FAILED_LOOKS_MAX) this.lose(reasonOf(error), false);
  }

  /** A caller of the writer's pool failed; what it says of the node is found out by looking. */
  suspect(error: unknown): void {
    if (this.isSettled && !this.isLost && isNodeUnavailable(error)) this.lookAgain();
  }

  /** Somebody knows of a writer on this timeline. */
  noteTimeline(timeline: number): void {
    if (timeline <= this.highest) return;
    this.highest = timeline;
    if (this.isSettled) this.options.wake();
  }

  /** @throws NotWriterError unless the node behind a connection may be written to. */
  admit(state: Pick<NodeState, 'isStandby' | 'timeline'>): void {
    if (state.isStandby) throw new NotWriterError('the node is in recovery');
    if (state.timeline < this.highest)
      throw new NotWriterError(
        `the node is on timeline ${String(state.timeline)}, the writer on ${String(this.highest)}`,
      );
    this.noteTimeline(state.timeline);
  }

  private heardWriter(state: NodeState): void {
    this.failedLooks = 0;
    this.isSuspected = false;
    if (!this.qualifies(state)) {
      if (!this.isLost)
        this.lose(state.isStandby ? 'it is in recovery' : 'another node has a higher timeline', true);
      return;
    }
    this.timeline = state.timeline;
    if (!this.isLost) return;
    this.lostAtMs = null;
    this.options.events.onRegained(this.writer.node);
  }

  private lookAgain(): void {
    this.isSuspected = true;
    this.options.wake();
  }

  private qualifies({ isStandby, timeline }: NodeState): boolean {
    return !isStandby && timeline >= this.highest;
  }

  /** The first in order among equals, so that all processes choose alike. */
  private best(): { node: DatabaseNode; state: NodeState } | null {
    for (const node of this.options.nodes) {
      const state = this.states.get(node);
      if (state !== undefined && this.qualifies(state)) return { node, state };
    }
    return null;
  }

  private lose(reason: string, isDemoted: boolean): void {
    const { events, wake } = this.options;
    const { node } = this.writer;
    this.lostAtMs = this.nowMs();
    this.lossReason = reason;
    abandon(this.writer, reason);
    events.onLost(node, reason, isDemoted);
    const best = this.best();
    if (best !== null && best.node !== node) this.follow(best.node, best.state);
    else wake();
  }

  private follow(node: DatabaseNode, state: NodeState): void {
    const old = this.writer;
    this.writer = this.options.open(node);
    this.timeline = state.timeline;
    this.isSuspected = false;
    this.failedLooks = 0;
    this.lostAtMs = null;
    void retire(old);
    this.options.events.onChanged(old.node, node, state.timeline);
  }
}

export function poolsOf({ pool, reserved }: Writer): readonly NodePool[] {
  return pool === reserved ? [pool] : [pool, reserved];
}

function abandon(writer: Writer, reason: string): void {
  for (const pool of poolsOf(writer)) pool.abandon(new WriterLostError(reason));
}

async function retire(writer: Writer): Promise<void> {
  abandon(writer, 'another node is the writer now');
  await Promise.allSettled([writer.client.$disconnect(), ...poolsOf(writer).map((pool) => pool.end())]);
}

/** A name with several addresses fails with an error that has a code and no message of its own. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error && typeof error.code === 'string' ? error.code : error.name;
  return error.message === '' ? code : error.message;
}

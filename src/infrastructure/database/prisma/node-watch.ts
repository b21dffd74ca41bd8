import type { NodeProbe, NodeState } from './node-probe.js';

export interface NodeWatchOptions {
  readonly probe: Pick<NodeProbe, 'ask' | 'close'>;
  /** Asked after each look. */
  readonly pauseMs: () => number;
  readonly onState: (state: NodeState) => void;
  readonly onError: (error: unknown) => void;
}

/** Looks at one node for as long as the process lives; a node that hangs keeps nobody else waiting. */
export class NodeWatch {
  /** Resolves when the node has answered, or failed to, for the first time. */
  readonly first: Promise<void>;
  private isClosed = false;
  private isWoken = false;
  private endPause: (() => void) | null = null;

  constructor(private readonly options: NodeWatchOptions) {
    this.first = this.look();
    void this.first.then(() => this.run());
  }

  /** Looks again at once, after the look that may be under way. */
  wake(): void {
    this.isWoken = true;
    this.endPause?.();
  }

  close(): void {
    this.isClosed = true;
    this.options.probe.close();
    this.endPause?.();
  }

  private async run(): Promise<void> {
    while (!this.isClosed) {
      await this.pause();
      await this.look();
    }
  }

  private async look(): Promise<void> {
    if (this.isClosed) return;
    this.isWoken = false;
    const { probe, onState, onError } = this.options;
    let state: NodeState;
    try {
      state = await probe.ask();
    } catch (error) {
      onError(error);
      return;
    }
    onState(state);
  }

  private pause(): Promise<void> {
    if (this.isWoken || this.isClosed) return Promise.resolve();
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        this.endPause = null;
        resolve();
      };
      // A pause does not keep the process alive.
      const timer = setTimeout(end, this.options.pauseMs()).unref();
      this.endPause = end;
    });
  }
}

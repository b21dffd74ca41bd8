import { Injectable } from '@nestjs/common';

/** Where the process is in its life. Ready is the only phase in which it asks for traffic. */
export type ProcessPhase = 'starting' | 'ready' | 'draining';

@Injectable()
export class ProcessState {
  private current: ProcessPhase = 'starting';

  get phase(): ProcessPhase {
    return this.current;
  }

  get isDraining(): boolean {
    return this.current === 'draining';
  }

  markReady(): void {
    if (this.current === 'starting') this.current = 'ready';
  }

  /** Draining is final: a process that was told to stop never takes traffic again. */
  markDraining(): void {
    this.current = 'draining';
  }
}

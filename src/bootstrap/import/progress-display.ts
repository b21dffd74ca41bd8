import type { Clock } from '../../common/clock.js';

/** The part of a terminal's stream that the display needs. */
export interface Screen {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

const BAR_CELLS = 24;
const REDRAW_MS = 100;
/** Without a terminal, a line now and then tells a log that the import lives. */
const LINE_MS = 5000;

/** How far the import is: a bar that redraws itself on a terminal, single lines elsewhere. */
export class ProgressDisplay {
  private drawnMs: number;
  private isDrawn = false;

  constructor(
    private readonly screen: Screen,
    private readonly clock: Clock,
  ) {
    this.drawnMs = clock.monotonicMs() - (screen.isTTY === true ? REDRAW_MS : 0);
  }

  /** `share` of the file that has been read, 0 to 1. */
  show(share: number, rows: number, refusedRows: number): void {
    const nowMs = this.clock.monotonicMs();
    const isTerminal = this.screen.isTTY === true;
    if (nowMs - this.drawnMs < (isTerminal ? REDRAW_MS : LINE_MS)) return;
    this.drawnMs = nowMs;
    const done = Math.min(1, Math.max(0, share));
    const text = `${String(Math.floor(done * 100)).padStart(3)} %  ${String(rows)} rows${
      refusedRows === 0 ? '' : `, ${String(refusedRows)} refused`
    }`;
    if (!isTerminal) {
      this.screen.write(`${text}\n`);
      return;
    }
    const cells = Math.round(done * BAR_CELLS);
    const line = `${'█'.repeat(cells)}${'░'.repeat(BAR_CELLS - cells)} ${text}`;
    this.screen.write(`\r\u001b[K${line.slice(0, Math.max(1, (this.screen.columns ?? 80) - 1))}`);
    this.isDrawn = true;
  }

  /** A line that stays; the bar moves on below it. */
  print(line: string): void {
    this.clear();
    this.screen.write(`${line}\n`);
  }

  clear(): void {
    if (this.isDrawn) this.screen.write('\r\u001b[K');
    this.isDrawn = false;
  }
}

import { ManualClock } from '../../common/manual-clock.js';
import { ProgressDisplay } from './progress-display.js';

function display(isTTY: boolean, columns = 80) {
  const clock = new ManualClock();
  let written = '';
  const screen = { isTTY, columns, write: (text: string) => (written += text) };
  const read = () => {
    const text = written;
    written = '';
    return text;
  };
  return { clock, read, display: new ProgressDisplay(screen, clock) };
}

describe('ProgressDisplay', () => {
  it('draws a bar on a terminal, at most ten times a second', () => {
    const { clock, read, display: progress } = display(true);
    progress.show(0.5, 120, 0);
    expect(read()).toBe(`\r\u001b[K${'█'.repeat(12)}${'░'.repeat(12)}  50 %  120 rows`);
    clock.ms += 99;
    progress.show(0.6, 140, 0);
    expect(read()).toBe('');
    clock.ms += 1;
    progress.show(1.5, 240, 3);
    expect(read()).toBe(`\r\u001b[K${'█'.repeat(24)} 100 %  240 rows, 3 refused`);
  });

  it('keeps printed lines and the bar apart', () => {
    const { read, display: progress } = display(true);
    progress.show(0, 0, 0);
    read();
    progress.print('line 7: broken');
    expect(read()).toBe('\r\u001b[Kline 7: broken\n');
    progress.clear();
    expect(read()).toBe('');
  });

  it('does not wrap on a narrow terminal', () => {
    const { read, display: progress } = display(true, 20);
    progress.show(0.5, 120, 0);
    expect(read().replace('\r\u001b[K', '')).toHaveLength(19);
  });

  it('writes a plain line every five seconds where there is no terminal', () => {
    const { clock, read, display: progress } = display(false);
    progress.show(0.1, 10, 0);
    expect(read()).toBe('');
    clock.ms += 5000;
    progress.show(0.2, 20, 1);
    expect(read()).toBe(' 20 %  20 rows, 1 refused\n');
  });
});

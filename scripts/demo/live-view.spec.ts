import { renderPanel } from './live-view.mjs';
import { SaleTally } from './sale-tally.mjs';

describe('renderPanel', () => {
  it('shows the whole sale without escape codes when the terminal has no colours', () => {
    const tally = new SaleTally(100);
    for (let i = 0; i < 1_200; i += 1) tally.recordArrival(0);
    tally.recordAnswer('sold', { atMs: 10, latencyMs: 12 });

    const panel = renderPanel(
      { tally, buyers: 5_000, durationMs: 10_000, left: () => 99 },
      2_500,
      false,
    ).join('\n');

    expect(panel).toContain('2.5 s of 10 s');
    expect(panel).toMatch(/arrived +1,200 of 5,000/);
    expect(panel).toMatch(/sold +1 /);
    expect(panel).toMatch(/left +99/);
    expect(panel).toContain('p99 12 ms');
    expect(panel).not.toContain('\u001b');
  });
});

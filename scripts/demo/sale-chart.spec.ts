import { renderSaleChart } from './sale-chart.mjs';
import { SaleTally } from './sale-tally.mjs';

describe('renderSaleChart', () => {
  it('draws a bar for each kind of answer and a line for the stock', () => {
    const tally = new SaleTally(2);
    tally.recordArrival(0);
    tally.recordAnswer('sold', { atMs: 20, latencyMs: 20 });
    tally.recordAnswer('turnedAway', { atMs: 120, latencyMs: 40 });

    const svg = renderSaleChart(tally, { title: 'Two units' });

    expect(svg).toMatch(/^<svg xmlns=/);
    expect(svg.match(/<rect [^>]*fill="#1b7f4b"/g)).toHaveLength(2); // the legend and one bar
    expect(svg.match(/<rect [^>]*fill="#9db4c8"/g)).toHaveLength(2);
    expect(svg).toContain('2 left');
    expect(svg).not.toMatch(/NaN|Infinity|undefined/);
  });

  it('draws a sale to which nobody came', () => {
    expect(renderSaleChart(new SaleTally(1), { title: 'Empty' })).not.toMatch(/NaN|Infinity|undefined/);
  });

  it('escapes the title', () => {
    expect(renderSaleChart(new SaleTally(1), { title: '<b> & co' })).toContain('&lt;b&gt; &amp; co');
  });
});

import { formatValue, renderPicture } from './dashboard-picture.mjs';

describe('the picture of a dashboard', () => {
  const gridPos = { x: 0, y: 1, w: 8, h: 7 };
  const panel = { title: 'Orders', type: 'timeseries', unit: 'reqps', gridPos, missing: [] as string[] };
  const render = (...panels: Parameters<typeof renderPicture>[1]) =>
    renderPicture('A & B', panels, { fromMs: 100_000, toMs: 200_000 }, 'a load');

  it('has the values of its data, and no others', () => {
    const picture = render({
      ...panel,
      lines: [
        {
          legend: 'placed <1>',
          values: [
            [100, 0],
            [150, 20],
            [200, 10],
          ],
        },
        {
          legend: 'refused',
          values: [
            [100, Number.NaN],
            [200, 5],
          ],
        },
      ],
    });
    // The plot begins 52 to the right of its frame and ends 10 before it; 20 is the top of the scale.
    expect(picture).toContain('points="56,254 221,120 386,187"');
    expect(picture).toContain('placed &lt;1&gt; 10/s');
    expect(picture).toContain('refused 5/s');
    expect(picture).toContain('A &amp; B');
  });

  it('says where there is none, and why', () => {
    expect(render({ ...panel, lines: [] })).toContain('no data');
    expect(render({ ...panel, lines: [], missing: ['a replica'] })).toContain('needs a replica');
  });

  it('shows numbers as numbers and tables as lists', () => {
    const lines = [{ legend: 'tracing', values: [[200, 1]] as [number, number][] }];
    expect(render({ ...panel, type: 'stat', lines })).toContain('>1/s<');
    expect(render({ ...panel, type: 'table', unit: 'short', lines })).toContain('tracing: 1');
    expect(render({ ...panel, title: 'Row', type: 'row', lines: [] })).not.toContain('no data');
  });

  it.each([
    [0.0123, 's', '12.3 ms'],
    [2, 's', '2 s'],
    [0.999, 'percentunit', '99.9 %'],
    [12_345_678, 'bytes', '12.3 MB'],
    [12_345, 'short', '12,345'],
    [Number.NaN, 's', '-'],
  ])('writes %d of %s as %s', (value, unit, text) => {
    expect(formatValue(value, unit)).toBe(text);
  });
});

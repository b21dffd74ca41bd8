import { Readable } from 'node:stream';
import { type CsvRecord, csvRecords, RECORD_CHARS_MAX, RECORD_LINES_MAX } from './csv-records.js';
import type { RefusedRow } from './refused-row.js';
import { textLines } from './text-lines.js';

function read(text: string): Promise<(CsvRecord | RefusedRow)[]> {
  const lines = textLines(Readable.from([Buffer.from(text)]), RECORD_CHARS_MAX);
  return Readable.from(csvRecords(lines)).toArray() as Promise<(CsvRecord | RefusedRow)[]>;
}

describe('csvRecords', () => {
  it('reads quoted commas, quotes and line breaks, and says on which line a record starts', async () => {
    expect(await read('a,b\r\n"x, ""y""","two\r\nlines"\r\n\r\n  \r\n1,\r\n')).toEqual([
      { line: 1, fields: ['a', 'b'] },
      { line: 2, fields: ['x, "y"', 'two\nlines'] },
      { line: 6, fields: ['1', ''] },
    ]);
  });

  it('keeps rows with too few or too many cells for the reader to judge', async () => {
    expect(await read('1\n1,2,3')).toEqual([
      { line: 1, fields: ['1'] },
      { line: 2, fields: ['1', '2', '3'] },
    ]);
  });

  it.each([
    ['text behind a closing quote', '1,"x" y', 'behind a closing quote'],
    ['a quote inside a field', '1,a "big" screen', 'not quoted'],
  ])('refuses %s and reads on at the next line', async (_, broken, reason) => {
    expect(await read(`${broken}\n2,"y, z"\n3,z`)).toEqual([
      { line: 1, reason: expect.stringContaining(reason) as string },
      { line: 2, fields: ['2', 'y, z'] },
      { line: 3, fields: ['3', 'z'] },
    ]);
  });

  it('finds its feet again behind a quote that is never closed', async () => {
    expect(await read('1,"x\n2,y\n3,"z ""q""\n')).toEqual([
      { line: 1, reason: expect.stringContaining('quote') as string },
      { line: 2, fields: ['2', 'y'] },
      { line: 3, reason: expect.stringContaining('quote') as string },
    ]);
    expect(await read('1,"x\n2,"quoted, here"\n3,z')).toEqual([
      { line: 1, reason: expect.stringContaining('quote') as string },
      { line: 2, fields: ['2', 'quoted, here'] },
      { line: 3, fields: ['3', 'z'] },
    ]);
  });

  it('does not collect the whole file behind an open quote', async () => {
    const rows = Array.from({ length: RECORD_LINES_MAX + 5 }, (_, index) => `${String(index)},x`);
    const records = await read(`a,"open\n${rows.join('\n')}`);
    expect(records).toHaveLength(rows.length + 1);
    expect(records[0]).toMatchObject({ line: 1, reason: expect.stringContaining('longer') as string });
    expect(records.at(-1)).toEqual({ line: rows.length + 1, fields: [String(rows.length - 1), 'x'] });
  });

  it('refuses a record that is too large', async () => {
    const records = await read(`1,"${'x'.repeat(RECORD_CHARS_MAX)}"\n2,y`);
    expect(records).toEqual([
      { line: 1, reason: expect.stringContaining('longer') as string },
      { line: 2, fields: ['2', 'y'] },
    ]);
  });
});

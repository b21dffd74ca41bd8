import { Readable } from 'node:stream';
import { type TextLine, textLines } from './text-lines.js';

function read(text: string | Uint8Array, size: number, charsMax = 100): Promise<TextLine[]> {
  const bytes = Buffer.from(text);
  const chunks: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size));
  return Readable.from(textLines(Readable.from(chunks), charsMax)).toArray() as Promise<TextLine[]>;
}

describe('textLines', () => {
  it.each([1, 2, 3, 7, 1000])('reads the same lines from chunks of %i bytes', async (size) => {
    expect(await read('\uFEFFcafé\r\n\r\na\u2028b\rc\n€', size)).toEqual([
      { number: 1, text: 'café' },
      { number: 2, text: '' },
      { number: 3, text: 'a\u2028b\rc' },
      { number: 4, text: '€' },
    ]);
  });

  it('gives up a line that is too long and goes on behind it', async () => {
    for (const size of [3, 1000]) {
      expect(await read(`a\n${'x'.repeat(500)}\nb\n${'y'.repeat(500)}`, size)).toEqual([
        { number: 1, text: 'a' },
        { number: 2, text: null },
        { number: 3, text: 'b' },
        { number: 4, text: null },
      ]);
    }
  });

  it('marks bytes that are not UTF-8', async () => {
    expect(await read(Buffer.from([0x61, 0xe9, 0x0a]), 10)).toEqual([{ number: 1, text: 'a\uFFFD' }]);
  });

  it('reads nothing from nothing', async () => {
    expect(await read('', 10)).toEqual([]);
  });
});

import { Readable } from 'node:stream';
import fc from 'fast-check';
import { JsonArrayError, type JsonElement, jsonElements, type RefusedElement } from './json-elements.js';

function read(text: string, size = 5, charsMax?: number): Promise<(JsonElement | RefusedElement)[]> {
  const bytes = Buffer.from(text);
  const chunks: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size));
  const elements = jsonElements(Readable.from(chunks), charsMax);
  return Readable.from(elements).toArray() as Promise<(JsonElement | RefusedElement)[]>;
}

describe('jsonElements', () => {
  it('reads what JSON.parse reads, however the bytes arrive', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.jsonValue({ stringUnit: 'grapheme' }), { maxLength: 5 }),
        fc.constantFrom(0, 2),
        fc.integer({ min: 1, max: 40 }),
        async (values, indent, size) => {
          const elements = await read(JSON.stringify(values, null, indent), size);
          const expected = JSON.parse(JSON.stringify(values)) as unknown[];
          expect(elements.map((element) => ('value' in element ? element.value : element.reason))).toEqual(
            expected,
          );
        },
      ),
    );
  });

  it('says where an element starts', async () => {
    expect(await read('\uFEFF[\n {"a":\n1},\r\n\n {"b": "]}"}\n]\n')).toEqual([
      { line: 2, number: 1, value: { a: 1 } },
      { line: 5, number: 2, value: { b: ']}' } },
    ]);
  });

  it('lets a broken element cost itself alone', async () => {
    expect(await read('[{"a": tru}, {"b": 1}, , 3,]')).toEqual([
      { line: 1, number: 1, reason: 'the element is not valid JSON' },
      { line: 1, number: 2, value: { b: 1 } },
      { line: 1, number: 3, reason: 'the element is not valid JSON' },
      { line: 1, number: 4, value: 3 },
      { line: 1, number: 5, reason: 'the element is not valid JSON' },
    ]);
  });

  it('does not hold an element that is too long', async () => {
    expect(await read(`["${'x'.repeat(500)}", 2]`, 50, 100)).toEqual([
      { line: 1, number: 1, reason: 'the element is longer than 100 characters' },
      { line: 1, number: 2, value: 2 },
    ]);
  });

  it.each([
    ['', 'the file is empty'],
    ['{"a": 1}', 'not a JSON array'],
    ['[{"a": 1}', 'ends in line 1, in element 1'],
    ['[1,\n{"a": "x', 'ends in line 2, in element 2'],
    ['[1] x', 'behind the end of the array'],
  ])('gives up on %j', async (text, reason) => {
    const reading = read(text);
    await expect(reading).rejects.toThrow(JsonArrayError);
    await expect(reading).rejects.toThrow(reason);
  });

  it('reads an empty array as nothing', async () => {
    expect(await read(' [ \n ] ')).toEqual([]);
  });
});

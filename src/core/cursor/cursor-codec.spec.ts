import { Problem } from '../../common/problem.js';
import { loadConfig } from '../../config/index.js';
import { CURSOR_LENGTH_MAX, CursorCodec } from './cursor-codec.js';

const codecWithKey = (fill: number): CursorCodec =>
  new CursorCodec(
    loadConfig({
      DATABASE_URL: 'postgresql://localhost/none',
      JWT_PRIVATE_KEY: 'unused',
      CURSOR_SIGNING_KEY: Buffer.alloc(32, fill).toString('base64'),
    }),
  );

const codeOf = (work: () => unknown): string | undefined => {
  try {
    work();
    return undefined;
  } catch (error) {
    return error instanceof Problem ? error.code : String(error);
  }
};

describe('a cursor', () => {
  const codec = codecWithKey(1);
  const values = ['Ärmel ✂ "quoted"', 1999, null, '9007199254740993', true];
  const cursor = codec.encode('products:a', values);

  it('gives back the sort key it was made of', () => {
    expect(codec.decode('products:a', cursor)).toEqual(values);
    expect(cursor).toMatch(/^[\w-]+$/);
  });

  it('is the same on every instance that has the key', () => {
    expect(codecWithKey(1).decode('products:a', cursor)).toEqual(values);
  });

  it('is refused for another list, other filters or by another key', () => {
    expect(codeOf(() => codec.decode('products:b', cursor))).toBe('CURSOR_INVALID');
    expect(codeOf(() => codec.decode('', cursor))).toBe('CURSOR_INVALID');
    expect(codeOf(() => codecWithKey(2).decode('products:a', cursor))).toBe('CURSOR_INVALID');
  });

  it('is refused when any single character of it is changed, removed or added', () => {
    for (let i = 0; i < cursor.length; i += 1) {
      const other = cursor[i] === 'A' ? 'B' : 'A';
      expect(codeOf(() => codec.decode('products:a', cursor.slice(0, i) + other + cursor.slice(i + 1)))).toBe(
        'CURSOR_INVALID',
      );
      expect(codeOf(() => codec.decode('products:a', cursor.slice(0, i) + cursor.slice(i + 1)))).toBe(
        'CURSOR_INVALID',
      );
    }
    expect(codeOf(() => codec.decode('products:a', `${cursor}A`))).toBe('CURSOR_INVALID');
  });

  it.each([
    ['empty', ''],
    ['not base64', '%{} '],
    ['shorter than a signature', 'abc'],
    ['padded', `${cursor}=`],
    ['followed by a line break', `${cursor}\n`],
    ['too long', 'A'.repeat(CURSOR_LENGTH_MAX + 1)],
  ])('that is %s is refused, not crashed on', (_, text) => {
    expect(codeOf(() => codec.decode('products:a', text))).toBe('CURSOR_INVALID');
  });

  it('does not let scope and sort key trade bytes', () => {
    const made = codec.encode('list', ['x']);
    const payload = Buffer.from(made, 'base64url').subarray(16).toString();
    const shifted = Buffer.concat([
      Buffer.from(made, 'base64url').subarray(0, 16),
      Buffer.from(payload.slice(1)),
    ]).toString('base64url');
    expect(codeOf(() => codec.decode(`list${payload.slice(0, 1)}`, shifted))).toBe('CURSOR_INVALID');
  });
});

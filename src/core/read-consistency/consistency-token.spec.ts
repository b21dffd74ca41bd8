import { ConsistencyTokens } from './consistency-token.js';

const written = { timeline: 3, position: 0x16_b374d848n };

describe('a consistency token', () => {
  it('is read by whoever has the key, and by nobody else', () => {
    const text = new ConsistencyTokens(Buffer.alloc(32, 1)).encode(written);
    expect(text).toMatch(/^[A-Za-z0-9_-]{38}$/);
    expect(new ConsistencyTokens(Buffer.alloc(32, 1)).decode(text)).toEqual(written);
    expect(new ConsistencyTokens(Buffer.alloc(32, 2)).decode(text)).toBeNull();
  });

  it('is worth nothing when a single character differs, or when it is something else', () => {
    const tokens = new ConsistencyTokens(Buffer.alloc(32, 1));
    const text = tokens.encode(written);
    for (let index = 0; index < text.length - 1; index += 1) {
      const other = text[index] === 'A' ? 'B' : 'A';
      expect(tokens.decode(text.slice(0, index) + other + text.slice(index + 1))).toBeNull();
    }
    for (const each of ['', 'x', `${text}A`, text.slice(1), '\u0000'.repeat(38)])
      expect(tokens.decode(each)).toBeNull();
  });

  it('is another one for another position', () => {
    const tokens = new ConsistencyTokens(Buffer.alloc(32, 1));
    expect(tokens.encode(written)).toBe(tokens.encode({ ...written }));
    const next = tokens.encode({ timeline: 4, position: written.position });
    expect(tokens.decode(next)).toEqual({ timeline: 4, position: written.position });
  });
});

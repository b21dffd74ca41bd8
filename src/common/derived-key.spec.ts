import { deriveKey } from './derived-key.js';

const SECRET = Buffer.alloc(32, 7);

describe('a derived key', () => {
  it('is the same for the same secret and purpose, as long as data that it protects may live', () => {
    expect(deriveKey(SECRET, 'caudal audit chain v1').toString('hex')).toBe(
      '8f4a28f80928484a19f22d3c1da7dcfe76c344eef588ce758246403ce263aef6',
    );
  });

  it('is another one for another purpose or secret', () => {
    const keys = [
      deriveKey(SECRET, 'one'),
      deriveKey(SECRET, 'two'),
      deriveKey(Buffer.alloc(32, 8), 'one'),
    ].map((key) => key.toString('hex'));
    expect(new Set(keys).size).toBe(3);
  });
});

import { acceptsGzip, matchIfNoneMatch } from './conditional-request.js';

describe('If-None-Match', () => {
  const etags = ['"abc"', '"abc-gzip"'] as const;

  it.each([
    ['"abc"', '"abc"'],
    ['W/"abc"', '"abc"'],
    ['"x", W/"abc-gzip" ,"y"', '"abc-gzip"'],
    ['"with,comma", "abc"', '"abc"'],
    ['*', '"abc"'],
    [' * ', '"abc"'],
    ['"x"', null],
    ['abc', null],
    ['"abc', null],
    ['', null],
    ['"x" "abc"', null],
    ['"x", garbage, "abc"', null],
    [undefined, null],
  ])('%j matches %j', (field, expected) => {
    expect(matchIfNoneMatch(field, etags)).toBe(expected);
  });

  it('is read in linear time', () => {
    const startMs = performance.now();
    expect(matchIfNoneMatch('"'.repeat(16_000), etags)).toBeNull();
    expect(matchIfNoneMatch(' '.repeat(16_000), etags)).toBeNull();
    expect(matchIfNoneMatch('"a",'.repeat(4000), etags)).toBeNull();
    expect(performance.now() - startMs).toBeLessThan(500);
  });
});

describe('Accept-Encoding', () => {
  it.each([
    ['gzip', true],
    ['br, GZIP;q=0.5', true],
    ['gzip;q=0', false],
    ['gzip; q=0.000, *', false],
    ['*', true],
    ['*;q=0', false],
    ['identity', false],
    ['br', false],
    ['', false],
    [undefined, false],
  ])('%j takes gzip: %j', (field, expected) => {
    expect(acceptsGzip(field)).toBe(expected);
    expect(acceptsGzip(field)).toBe(expected);
  });
});

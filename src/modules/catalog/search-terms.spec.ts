import { normaliseSearch, splitSearch } from './search-terms.js';

describe('a search', () => {
  it('is the same however it is spaced and cased', () => {
    expect(normaliseSearch('  Red \t LAMP ')).toBe('red lamp');
    expect(normaliseSearch('Cafe\u0301')).toBe('caf\u00e9');
  });

  it.each([
    ['espr', { words: '', prefix: 'espr' }],
    ['red lam', { words: 'red', prefix: 'lam' }],
    ['"red lamp" ta', { words: '"red lamp"', prefix: 'ta' }],
    ['"red la', { words: '"red la', prefix: null }],
    ['red -lamp', { words: 'red -lamp', prefix: null }],
    ['red or blue', { words: 'red or blue', prefix: null }],
    ['red or', { words: 'red or', prefix: null }],
    ['wi-fi', { words: 'wi-fi', prefix: null }],
    ["it's!", { words: "it's!", prefix: null }],
    ['größe', { words: '', prefix: 'größe' }],
  ])('%j takes its last word as a beginning only when that is safe', (text, expected) => {
    expect(splitSearch(text)).toEqual(expected);
  });
});

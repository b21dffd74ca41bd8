import { KeyedGenerations } from './keyed-generations.js';

describe('keyed generations', () => {
  const open = (sizeMax: number) => {
    const made: string[] = [];
    const entries = new KeyedGenerations((key) => {
      made.push(key);
      return { key };
    }, sizeMax);
    return { entries, made };
  };

  it('make an entry once for as long as it is asked for', () => {
    const { entries, made } = open(2);
    const first = entries.get('a');
    for (const key of ['b', 'a', 'c', 'a', 'd', 'a', 'e', 'a']) entries.get(key);
    expect(entries.get('a')).toBe(first);
    expect(made.filter((key) => key === 'a')).toHaveLength(1);
  });

  it('forget what a whole generation did not ask for', () => {
    const { entries, made } = open(2);
    for (const key of ['a', 'b', 'c', 'd', 'e']) entries.get(key);
    expect(entries.find('a')).toBeUndefined();
    entries.get('a');
    expect(made.filter((key) => key === 'a')).toHaveLength(2);
  });

  it('never remember more than two generations', () => {
    const { entries } = open(10);
    for (let n = 0; n < 1000; n += 1) {
      entries.get(`key-${String(n)}`);
      expect(entries.size).toBeLessThanOrEqual(20);
    }
  });

  it('forget at once what is deleted, in whichever generation it is', () => {
    const { entries } = open(2);
    for (const key of ['a', 'b', 'c']) entries.get(key);
    for (const key of ['a', 'c']) {
      expect(entries.find(key)).toEqual({ key });
      entries.delete(key);
      expect(entries.find(key)).toBeUndefined();
    }
  });
});

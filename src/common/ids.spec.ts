import { parse, stringify, version } from 'uuid';
import { isUuid, newId } from './ids.js';

describe('newId', () => {
  it('makes ids that are unique and sort in the order they were made', () => {
    const ids = Array.from({ length: 5000 }, newId);
    expect(new Set(ids).size).toBe(ids.length);
    expect([...ids].sort()).toEqual(ids);
    expect(ids.every(isUuid)).toBe(true);
  });

  it('makes version 7 of the RFC 9562 variant', () => {
    const ids = Array.from({ length: 1000 }, newId);
    expect(ids.map((id) => stringify(parse(id)))).toEqual(ids);
    expect(new Set(ids.map(version))).toEqual(new Set([7]));
    expect(newId()).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });
});

describe('isUuid', () => {
  it.each([
    ['01890000-0000-7000-8000-000000000000', true],
    ['01890000-0000-7000-8000-00000000000A', true],
    ['00000000-0000-0000-0000-000000000000', false],
    ['ffffffff-ffff-ffff-ffff-ffffffffffff', false],
    ['{01890000-0000-7000-8000-000000000000}', false],
    ['01890000-0000-7000-8000-000000000000 ', false],
    ['01890000-0000-7000-8000-000000000000\n', false],
    ['0189000000007000800000000000000', false],
    ['', false],
  ])('%j: %s', (text, expected) => {
    expect(isUuid(text)).toBe(expected);
  });
});

import { plainToInstance } from 'class-transformer';
import { validateSync } from 'class-validator';
import { PageQuery } from './page-query.js';

const read = (query: Record<string, unknown>): unknown => {
  const page = plainToInstance(PageQuery, query);
  const faults = validateSync(page, { stopAtFirstError: true });
  return faults.length === 0
    ? page.limit
    : faults.flatMap(({ property, constraints = {} }) => [property, ...Object.values(constraints)]);
};

describe('the query of a page', () => {
  it.each([
    [{}, 24],
    [{ limit: '1' }, 1],
    [{ limit: '007' }, 7],
    [{ limit: '100' }, 100],
  ])('of %j has that many items', (query, limit) => {
    expect(read(query)).toBe(limit);
  });

  it.each(['', '0', '101', '0x10', '1e1', '+5', ' 5', '5.0', '9'.repeat(20), ['5', '6']])(
    'refuses the limit %j in the words of the catalogue',
    (limit) => {
      expect(read({ limit })).toEqual(['limit', 'must be an integer from 1 to 100']);
    },
  );
});

import { readCategoryRow } from './category-row.js';

const path = [
  { id: 'k', name: 'Kitchen' },
  { id: 'm', name: 'Mills ' },
];

describe('readCategoryRow', () => {
  it('reads a category and everything above it', () => {
    expect(readCategoryRow({ id: 'm', name: 'Mills ', path, subCategories: [{ id: 'x' }] })).toEqual([
      { externalId: 'k', parentExternalId: null, name: 'Kitchen', slug: 'kitchen' },
      { externalId: 'm', parentExternalId: 'k', name: 'Mills', slug: 'kitchen-mills' },
    ]);
  });

  it.each([
    [null, 'not an object'],
    ['m', 'not an object'],
    [[], 'id is missing'],
    [{ id: 7, name: 'Mills', path }, 'id is missing'],
    [{ id: 'm', name: null, path }, 'name is missing or not a text (id "m")'],
    [{ id: 'm', name: ' ', path }, 'name is missing'],
    [{ id: 'm', name: 'x'.repeat(201), path }, 'longer than 200'],
    [{ id: 'm', name: 'a\0b', path }, 'not valid text'],
    [{ id: 'm', name: '\ud800', path }, 'not valid text'],
    [{ id: 'm', name: 'Mills' }, 'path is not a list'],
    [{ id: 'm', name: 'Mills', path: [] }, 'path is not a list'],
    [{ id: 'm', name: 'Mills', path: [null] }, 'its path: id is missing'],
    [{ id: 'm', name: 'Mills', path: [{ id: 'k', name: 3 }] }, 'its path: name is missing'],
    [{ id: 'other', name: 'Mills', path }, 'does not end with itself'],
    [{ id: 'm', name: 'Mills', path: [path[1], path[1]] }, 'in a circle'],
    [{ id: 'm', name: 'Mills', path: Array.from({ length: 13 }, () => path[1]) }, '13 deep'],
  ])('refuses %j', (value, reason) => {
    expect(readCategoryRow(value)).toEqual(expect.stringContaining(reason));
  });
});

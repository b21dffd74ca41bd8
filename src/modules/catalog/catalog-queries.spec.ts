import { Problem } from '../../common/problem.js';
import { loadConfig } from '../../config/index.js';
import { CursorCodec } from '../../core/cursor/index.js';
import { CatalogQueries } from './catalog-queries.js';

const config = loadConfig({ DATABASE_URL: 'postgresql://localhost/none', JWT_PRIVATE_KEY: 'unused' });
const cursors = new CursorCodec(config);

describe('queries of the catalogue', () => {
  const queries = new CatalogQueries(config, cursors);
  const pointersOf = (queryString: string): string[] => {
    try {
      queries.productList(queryString);
      return [];
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      return error.options.errors?.map(({ pointer }) => pointer) ?? [error.code];
    }
  };

  it.each([
    ['', 'sort=newest&limit=24'],
    ['', 'currency=USD&minPrice=0&q='],
    ['q=Red+Lamp&limit=5', 'limit=5&q=%20red%20%20LAMP'],
    ['category=0190A000-0000-7000-8000-000000000000', 'category=0190a000-0000-7000-8000-000000000000'],
    ['minPrice=007', 'minPrice=7'],
  ])('%j and %j mean the same and share an answer', (one, other) => {
    expect(queries.productList(one).key).toBe(queries.productList(other).key);
  });

  it('that mean different things share nothing', () => {
    const different = [
      '',
      'limit=25',
      'sort=name',
      'q=a',
      'q=b',
      'category=a',
      'currency=EUR',
      'minPrice=1',
      'maxPrice=1',
      'maxPrice=0',
      'inStock=true',
      'inStock=false',
    ];
    expect(new Set(different.map((text) => queries.productList(text).key)).size).toBe(different.length);
  });

  it('are remembered by their spelling', () => {
    expect(queries.findProductList('q=never-seen')).toBeUndefined();
    const query = queries.productList('q=never-seen');
    expect(queries.productList('q=never-seen')).toBe(query);
    expect(queries.findProductList('q=never-seen')).toBe(query);
  });

  it('take a cursor of the same list with any limit, and of no other', () => {
    const cursor = cursors.encode(queries.productList('sort=price').scope, ['100', 'id']);
    expect(queries.productList(`limit=5&sort=price&cursor=${cursor}`).after).toEqual(['100', 'id']);
    expect(pointersOf(`sort=name&cursor=${cursor}`)).toEqual(['CURSOR_INVALID']);
    expect(pointersOf(`sort=price&inStock=true&cursor=${cursor}`)).toEqual(['CURSOR_INVALID']);
  });

  it('name every fault at once, and not endlessly many', () => {
    expect(pointersOf('limit=x&sort=y&colour=z&a/b~=1')).toEqual(['/colour', '/a~1b~0', '/sort', '/limit']);
    expect(
      pointersOf(Array.from({ length: 500 }, (_, i) => `x${String(i)}=1`).join('&')).length,
    ).toBeLessThan(30);
  });
});

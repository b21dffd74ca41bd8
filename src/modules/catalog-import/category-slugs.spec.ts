import type { CategoryNode } from '../catalog/index.js';
import { categoryPathSlug, distinctPathSlug } from './category-path.js';
import { CategorySlugs } from './category-slugs.js';

/** Categories below each other, as an import of the path has left them. */
const chain = (...steps: [name: string, slug: string][]): CategoryNode[] => {
  const ids = steps.map(([, slug]) => `id of ${slug}`);
  return steps.map(([name, slug], index) => ({
    id: ids[index] ?? '',
    externalId: null,
    parentId: ids[index - 1] ?? null,
    slug,
    name,
    ancestorIds: ids.slice(0, index + 1),
    position: 0,
  }));
};

const ONE = ['A B'];
const TWO = ['A', 'B'];

describe('the slug of a category path', () => {
  it('is made of its names', () => {
    const slugs = new CategorySlugs([]);
    expect(slugs.of(TWO)).toBe('a-b');
    expect(slugs.of(TWO)).toBe('a-b');
    expect(slugs.of(['a', 'B!'])).toBe('a-b');
  });

  it('is another one when another path came first, within a file and between files', () => {
    const slugs = new CategorySlugs([]);
    expect([slugs.of(ONE), slugs.of(TWO)]).toEqual(['a-b', distinctPathSlug(TWO)]);
    expect(slugs.of(ONE)).toBe('a-b');
    expect(new CategorySlugs(chain(['A B', 'a-b'])).of(TWO)).toBe(distinctPathSlug(TWO));
    expect(new CategorySlugs(chain(['A', 'a'], ['B', 'a-b'])).of(ONE)).toBe(distinctPathSlug(ONE));
    expect(distinctPathSlug(ONE)).not.toBe(distinctPathSlug(TWO));
  });

  it('stays the same, in whichever order the paths come again', () => {
    const present = [...chain(['A B', 'a-b']), ...chain(['A', 'a'], ['B', distinctPathSlug(TWO)])];
    const slugs = new CategorySlugs(present);
    expect([slugs.of(TWO), slugs.of(ONE)]).toEqual([distinctPathSlug(TWO), 'a-b']);
  });

  it('still finds a category that was renamed or moved', () => {
    expect(new CategorySlugs(chain(['A', 'a'], ['Renamed', 'a-b'])).of(TWO)).toBe('a-b');
    expect(new CategorySlugs(chain(['B', 'a-b'])).of(TWO)).toBe('a-b');
  });

  it('is as long as the catalogue accepts', () => {
    const long = ['x y '.repeat(40), 'z'];
    const slugs = new CategorySlugs([]);
    const first = slugs.of([long.join(' ')]);
    expect(slugs.of(long)).not.toBe(first);
    expect(slugs.of(long).length).toBeLessThanOrEqual(120);
    expect(categoryPathSlug(long).length).toBeLessThanOrEqual(120);
  });
});

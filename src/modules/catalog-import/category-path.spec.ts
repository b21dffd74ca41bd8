import fc from 'fast-check';
import {
  categoryPathSlug,
  distinctSlug,
  SLUG_CHARS_MAX,
  slugify,
  splitCategoryPath,
} from './category-path.js';

const SLUG = /^[a-z0-9]+(?:-[a-z0-9]+)*$/;

describe('category paths', () => {
  it.each([
    ['Kitchen -> Coffee Machines', ['Kitchen', 'Coffee Machines']],
    ['Kitchen', ['Kitchen']],
    ['  Kitchen->Coffee-Machines ', ['Kitchen', 'Coffee-Machines']],
    ['Kitchen -> ', null],
    ['-> Kitchen', null],
    ['Kitchen -> -> Mills', null],
  ])('reads %j', (text, names) => {
    expect(splitCategoryPath(text)).toEqual(names);
  });

  it.each([
    ['Air & Climate', 'air-climate'],
    ['Cafés à l’Été', 'cafes-a-l-ete'],
    ['  --  TVs (4K) ', 'tvs-4k'],
  ])('makes of %j the slug %s', (name, slug) => {
    expect(slugify(name)).toBe(slug);
  });

  it('names a category by its whole path', () => {
    expect(categoryPathSlug(['Kitchen', 'Coffee Machines'])).toBe('kitchen-coffee-machines');
  });

  it('makes a slug that the catalogue accepts of any names, the same each time', () => {
    const name = fc.string({ minLength: 1, maxLength: 80, unit: 'grapheme' });
    fc.assert(
      fc.property(fc.array(name, { minLength: 1, maxLength: 12 }), name, (names, externalId) => {
        const slug = categoryPathSlug(names);
        for (const made of [slug, distinctSlug(slug, externalId)]) {
          expect(made).toMatch(SLUG);
          expect(made.length).toBeLessThanOrEqual(SLUG_CHARS_MAX);
        }
        expect(categoryPathSlug([...names])).toBe(slug);
        expect(distinctSlug(slug, externalId)).not.toBe(slug);
      }),
    );
  });

  it('keeps long paths with the same beginning apart', () => {
    const long = Array.from({ length: 12 }, () => 'a long name of a category');
    expect(categoryPathSlug([...long, 'x'])).not.toBe(categoryPathSlug([...long, 'y']));
  });
});

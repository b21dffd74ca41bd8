import { createHash } from 'node:crypto';

export const CATEGORY_DEPTH_MAX = 12;
export const SLUG_CHARS_MAX = 120;

const HASH_CHARS = 10;
const SUFFIX_CHARS_MAX = 40;

/** `Kitchen -> Coffee Machines` as its names from the root; null when a name between arrows is empty. */
export function splitCategoryPath(text: string): string[] | null {
  const names = text.split('->').map((name) => name.trim());
  return names.includes('') ? null : names;
}

/**
 * Lower-case words of a-z and 0-9 joined by single hyphens. A name without any such letter gets a short
 * hash of itself, so that it is still a slug, and the same one each time.
 */
export function slugify(name: string): string {
  const slug = name
    .normalize('NFKD')
    .replace(/\p{M}+/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');
  return slug === '' ? shortHash(name) : slug;
}

/**
 * What tells one path from another. Spellings of a name that have the same slug are the same category; where
 * its names begin and end is part of a path, and the slug of the whole does not tell it: `A B` and `A -> B`.
 */
export function categoryPathKey(names: readonly string[]): string {
  return names.map(slugify).join('/');
}

/** The slug of a category, from its names from the root. One longer than the catalogue accepts ends in a hash of the whole. */
export function categoryPathSlug(names: readonly string[]): string {
  const slug = names.map(slugify).join('-');
  if (slug.length <= SLUG_CHARS_MAX) return slug;
  return withSuffix(slug, shortHash(slug));
}

/** The slug for a category whose own is taken: with the id of its source, or a hash of it when that is long. */
export function distinctSlug(slug: string, externalId: string): string {
  const id = slugify(externalId);
  return withSuffix(slug, id.length <= SUFFIX_CHARS_MAX ? id : shortHash(externalId));
}

/** The slug for a path whose own is another path's: the same each time, and no other path's. */
export function distinctPathSlug(names: readonly string[]): string {
  return withSuffix(categoryPathSlug(names), shortHash(categoryPathKey(names)));
}

function withSuffix(slug: string, suffix: string): string {
  return `${slug.slice(0, SLUG_CHARS_MAX - suffix.length - 1).replace(/-$/, '')}-${suffix}`;
}

function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, HASH_CHARS);
}

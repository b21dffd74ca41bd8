import type { CategoryNode } from '../catalog/index.js';
import { categoryPathKey, categoryPathSlug, distinctPathSlug } from './category-path.js';

/**
 * Which slug names which path, given the categories there are. A path has the slug that its names make
 * unless another path came first: `A B` and `A -> B` make the same one. Then it has a hash of itself behind it,
 * and keeps that. A category that an administrator has renamed or moved is still the one that its slug says.
 */
export class CategorySlugs {
  /** By slug, the key of the path that made it; null when its category has moved on from that path. */
  private readonly makers: Map<string, string | null>;

  constructor(present: readonly CategoryNode[]) {
    const namesById = new Map(present.map(({ id, name }) => [id, name]));
    this.makers = new Map(
      present.map(({ slug, ancestorIds }) => {
        const names = ancestorIds.map((id) => namesById.get(id) ?? '');
        return [slug, categoryPathSlug(names) === slug ? categoryPathKey(names) : null];
      }),
    );
  }

  of(names: readonly string[]): string {
    const key = categoryPathKey(names);
    const distinct = distinctPathSlug(names);
    const plain = categoryPathSlug(names);
    const isFree = (this.makers.get(plain) ?? key) === key;
    const slug = isFree && !this.makers.has(distinct) ? plain : distinct;
    this.makers.set(slug, key);
    return slug;
  }
}

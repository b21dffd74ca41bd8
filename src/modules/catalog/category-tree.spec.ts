import { newId } from '../../common/ids.js';
import type { CategoryInput } from './catalog-input.js';
import { CATEGORY_DEPTH_MAX } from './catalog-limits.js';
import { type CategoryNode, planCategories } from './category-tree.js';

/** Applies a plan as the repository would. */
const apply = (present: readonly CategoryNode[], inputs: readonly CategoryInput[]): CategoryNode[] => {
  const { created, updated } = planCategories(present, inputs);
  const changed = new Map(updated.map((node) => [node.id, node]));
  return [...present.map((node) => changed.get(node.id) ?? node), ...created];
};
const outcomesOf = (present: readonly CategoryNode[], inputs: readonly CategoryInput[]) =>
  planCategories(present, inputs).outcomes.map(({ outcome }) => outcome);
const pathOf = (tree: readonly CategoryNode[], slug: string): string =>
  (tree.find((node) => node.slug === slug)?.ancestorIds ?? [])
    .map((id) => tree.find((node) => node.id === id)?.slug)
    .join('/');

describe('the plan of a category tree', () => {
  const inputs: CategoryInput[] = [
    { externalId: 'c', slug: 'c', name: 'C', parentExternalId: 'b' },
    { externalId: 'b', slug: 'b', name: 'B', parentExternalId: 'a' },
    { externalId: 'a', slug: 'a', name: 'A' },
  ];

  it('takes children before their parents', () => {
    const tree = apply([], inputs);
    expect(pathOf(tree, 'c')).toBe('a/b/c');
    expect(planCategories([], inputs).created.map(({ slug }) => slug)).toEqual(['a', 'b', 'c']);
  });

  it('changes nothing the second time', () => {
    const tree = apply([], inputs);
    const again = planCategories(tree, inputs);
    expect(again.outcomes.map(({ outcome }) => outcome)).toEqual(['unchanged', 'unchanged', 'unchanged']);
    expect([...again.created, ...again.updated]).toEqual([]);
  });

  it('leaves the position where it is when the input does not name one', () => {
    const tree = apply([], [{ slug: 'a', name: 'A', position: 7 }]);
    expect(outcomesOf(tree, [{ slug: 'a', name: 'A' }])).toEqual(['unchanged']);
    const [renamed] = apply(tree, [{ slug: 'a', name: 'B' }]);
    expect(renamed).toMatchObject({ name: 'B', position: 7 });
    expect(apply(tree, [{ slug: 'a', name: 'A', position: 0 }])).toMatchObject([{ position: 0 }]);
  });

  it('moves a subtree with its root', () => {
    const tree = apply(apply([], inputs), [
      { slug: 'd', name: 'D' },
      { externalId: 'b', slug: 'b', name: 'B', parentSlug: 'd' },
    ]);
    expect(pathOf(tree, 'c')).toBe('d/b/c');
  });

  it('rejects a circle, a stranger as a parent and a taken slug, and takes the rest', () => {
    const tree = apply([], inputs);
    expect(
      outcomesOf(tree, [
        { externalId: 'a', slug: 'a', name: 'A', parentExternalId: 'c' },
        { slug: 'x', name: 'X', parentSlug: 'nobody' },
        { externalId: 'other', slug: 'b', name: 'B' },
        { slug: 'Bad Slug', name: 'B' },
        { slug: 'y', name: ' ' },
        { slug: 'z', name: 'Z', parentSlug: 'c' },
      ]),
    ).toEqual(['rejected', 'rejected', 'rejected', 'rejected', 'rejected', 'created']);
  });

  it('rejects two categories that want to be each other’s parent', () => {
    expect(
      outcomesOf(
        [],
        [
          { slug: 'a', name: 'A', parentSlug: 'b' },
          { slug: 'b', name: 'B', parentSlug: 'a' },
        ],
      ),
    ).toEqual(['rejected', 'rejected']);
  });

  it('lets slugs pass from one category to another', () => {
    const tree = apply([], inputs);
    const moved = apply(tree, [
      { externalId: 'a', slug: 'a-old', name: 'A' },
      { externalId: 'b', slug: 'a', name: 'B', parentExternalId: 'a' },
    ]);
    expect(pathOf(moved, 'c')).toBe('a-old/a/c');
  });

  it('is not deeper than allowed, also after a move', () => {
    const chain = (prefix: string, length: number): CategoryInput[] =>
      Array.from({ length }, (_, i) => ({
        slug: `${prefix}-${String(i)}`,
        name: prefix,
        ...(i === 0 ? {} : { parentSlug: `${prefix}-${String(i - 1)}` }),
      }));
    expect(outcomesOf([], chain('a', CATEGORY_DEPTH_MAX + 1)).at(-1)).toBe('rejected');
    const tree = apply(apply([], chain('a', CATEGORY_DEPTH_MAX - 1)), chain('b', 2));
    expect(
      outcomesOf(tree, [{ slug: 'b-0', name: 'b', parentSlug: `a-${String(CATEGORY_DEPTH_MAX - 2)}` }]),
    ).toEqual(['rejected']);
  });

  it('keeps an id that is not in the tree from being taken for one', () => {
    expect(outcomesOf([], [{ slug: 'a', name: 'A', parentId: newId() }])).toEqual(['rejected']);
  });
});

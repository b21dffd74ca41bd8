import { newId } from '../../common/ids.js';
import { type CategoryInput, categoryInputFault } from './catalog-input.js';
import { CATEGORY_DEPTH_MAX } from './catalog-limits.js';
import type { CategoryResult } from './catalog-results.js';

export interface CategoryNode {
  readonly id: string;
  readonly externalId: string | null;
  readonly parentId: string | null;
  readonly slug: string;
  readonly name: string;
  /** Ids from the root to this category itself. */
  readonly ancestorIds: readonly string[];
  readonly position: number;
}

/** Names its target by id when that is known; the import's inputs do not. */
export type PlannedCategory = CategoryInput & { readonly id?: string };

export interface TreeChange {
  readonly outcomes: readonly CategoryResult[];
  /** Parents before children, as the foreign key wants them. */
  readonly created: readonly CategoryNode[];
  /** With the descendants whose path is another one now. */
  readonly updated: readonly CategoryNode[];
}

/** A category of the plan while its parent and path may still change. */
type Draft = { -readonly [Key in keyof CategoryNode]: CategoryNode[Key] };

/**
 * What has to be written so that the tree holds the inputs. Inputs that cannot go in (unknown parent,
 * slug of another category, a circle, too deep) are rejected one by one; the rest is planned as if they
 * were not there. The whole tree is in memory: it has thousands of nodes, not millions.
 */
export function planCategories(
  present: readonly CategoryNode[],
  inputs: readonly PlannedCategory[],
): TreeChange {
  const plan = new TreePlan(present);
  const outcomes = new Array<CategoryResult>(inputs.length);
  let waiting = inputs.map((input, index) => ({ input, index }));
  // Parents may follow their children in the input: go round until nobody finds a parent any more.
  for (let progress = true; progress && waiting.length > 0;) {
    progress = false;
    const next: typeof waiting = [];
    for (const item of waiting) {
      const fault = categoryInputFault(item.input);
      const parent = fault === null ? plan.parentOf(item.input) : null;
      if (fault === null && parent === undefined) {
        next.push(item);
        continue;
      }
      outcomes[item.index] =
        fault === null ? plan.put(item.input, parent ?? null) : { outcome: 'rejected', reason: fault };
      progress = true;
    }
    waiting = next;
  }
  for (const { index } of waiting) {
    outcomes[index] = { outcome: 'rejected', reason: 'the parent category does not exist' };
  }
  return { outcomes, ...plan.changes() };
}

class TreePlan {
  private readonly before: ReadonlyMap<string, CategoryNode>;
  private readonly byId: Map<string, Draft>;
  private readonly bySlug: Map<string, Draft>;
  private readonly byExternalId = new Map<string, Draft>();

  constructor(present: readonly CategoryNode[]) {
    this.before = new Map(present.map((node) => [node.id, node]));
    const drafts = present.map((node): Draft => ({ ...node }));
    this.byId = new Map(drafts.map((draft) => [draft.id, draft]));
    this.bySlug = new Map(drafts.map((draft) => [draft.slug, draft]));
    for (const draft of drafts) {
      if (draft.externalId !== null) this.byExternalId.set(draft.externalId, draft);
    }
  }

  /** Null: the input is a root. Undefined: its parent is not known (yet). */
  parentOf({ parentId, parentExternalId, parentSlug }: CategoryInput): Draft | null | undefined {
    if (parentId !== undefined) return this.byId.get(parentId);
    if (parentExternalId !== undefined) return this.byExternalId.get(parentExternalId);
    if (parentSlug !== undefined) return this.bySlug.get(parentSlug);
    return null;
  }

  put(input: PlannedCategory, parent: Draft | null): CategoryResult {
    const { externalId = null, slug, name } = input;
    const holder = this.bySlug.get(slug);
    const target =
      (input.id === undefined ? undefined : this.byId.get(input.id)) ??
      (externalId === null ? undefined : this.byExternalId.get(externalId)) ??
      holder;
    if (holder !== undefined && holder !== target)
      return rejected(`the slug "${slug}" is another category's`);
    if (target === undefined) return this.create(input, parent);
    if (externalId !== null && target.externalId !== null && target.externalId !== externalId)
      return rejected(`the slug "${slug}" is another category's`);
    const position = input.position ?? target.position;
    return this.update(target, { externalId: externalId ?? target.externalId, slug, name, position }, parent);
  }

  changes(): Pick<TreeChange, 'created' | 'updated'> {
    const created: CategoryNode[] = [];
    const updated: CategoryNode[] = [];
    for (const draft of this.byId.values()) {
      const node = { ...draft, ancestorIds: this.pathOf(draft) };
      const before = this.before.get(draft.id);
      if (before === undefined) created.push(node);
      else if (JSON.stringify(before) !== JSON.stringify(node)) updated.push(node);
    }
    created.sort((a, b) => a.ancestorIds.length - b.ancestorIds.length);
    return { created, updated };
  }

  private create(input: CategoryInput, parent: Draft | null): CategoryResult {
    const { externalId = null, slug, name, position = 0 } = input;
    if (parent !== null && this.pathOf(parent).length >= CATEGORY_DEPTH_MAX) return rejected(TOO_DEEP);
    const draft: Draft = {
      id: newId(),
      externalId,
      parentId: parent?.id ?? null,
      slug,
      name,
      ancestorIds: [],
      position,
    };
    this.byId.set(draft.id, draft);
    this.bySlug.set(slug, draft);
    if (externalId !== null) this.byExternalId.set(externalId, draft);
    return { outcome: 'created', id: draft.id };
  }

  private update(
    target: Draft,
    values: Pick<Draft, 'externalId' | 'slug' | 'name' | 'position'>,
    parent: Draft | null,
  ): CategoryResult {
    const parentId = parent?.id ?? null;
    if (parent !== null && parentId !== target.parentId) {
      const path = this.pathOf(parent);
      if (path.includes(target.id)) return rejected('the category would be its own ancestor');
      if (path.length + this.heightOf(target) > CATEGORY_DEPTH_MAX) return rejected(TOO_DEEP);
    }
    const isSame =
      parentId === target.parentId &&
      values.externalId === target.externalId &&
      values.slug === target.slug &&
      values.name === target.name &&
      values.position === target.position;
    if (isSame) return { outcome: 'unchanged', id: target.id };
    this.bySlug.delete(target.slug);
    Object.assign(target, values, { parentId });
    this.bySlug.set(target.slug, target);
    if (target.externalId !== null) this.byExternalId.set(target.externalId, target);
    return { outcome: 'updated', id: target.id };
  }

  private pathOf(node: Draft): string[] {
    const path: string[] = [];
    for (let next: Draft | undefined = node; next !== undefined;) {
      path.unshift(next.id);
      next = next.parentId === null ? undefined : this.byId.get(next.parentId);
    }
    return path;
  }

  /** Levels of the subtree, its root included. */
  private heightOf(root: Draft): number {
    let height = 1;
    for (const node of this.byId.values()) {
      const path = this.pathOf(node);
      const at = path.indexOf(root.id);
      if (at >= 0) height = Math.max(height, path.length - at);
    }
    return height;
  }
}

const TOO_DEEP = `the category would lie deeper than ${String(CATEGORY_DEPTH_MAX)} levels`;

function rejected(reason: string): CategoryResult {
  return { outcome: 'rejected', reason };
}

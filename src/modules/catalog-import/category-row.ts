import { CATEGORY_DEPTH_MAX, categoryPathSlug } from './category-path.js';
import { quoted } from './refused-row.js';

/** A category as the tree file tells it, with the names of everything above it. */
export interface CategoryNode {
  readonly externalId: string;
  readonly parentExternalId: string | null;
  readonly name: string;
  readonly slug: string;
}

const ID_CHARS_MAX = 100;
const NAME_CHARS_MAX = 200;

/**
 * Reads `{id, name, path: [{id, name}…]}` as the categories of the path, from the root to the category
 * itself. Those above it may have no row of their own in the file, and the category hangs on them.
 * `subCategories` says again what the children's paths say, and is not read.
 * Returns a reason when the element is no such category.
 */
export function readCategoryRow(value: unknown): readonly CategoryNode[] | string {
  if (typeof value !== 'object' || value === null) return 'it is not an object';
  const { id, name, path } = value as Record<string, unknown>;
  const fault = idFault(id) ?? nameFault(name);
  if (fault !== null) return `${fault}${typeof id === 'string' ? ` (id ${quoted(id)})` : ''}`;
  if (!Array.isArray(path) || path.length === 0)
    return `path is not a list of categories (id ${quoted(String(id))})`;
  const reason = (text: string) => `${text} (id ${quoted(String(id))})`;
  if (path.length > CATEGORY_DEPTH_MAX) {
    return reason(`it is ${String(path.length)} deep, at most ${String(CATEGORY_DEPTH_MAX)} are accepted`);
  }
  const nodes: CategoryNode[] = [];
  const names: string[] = [];
  for (const step of path as unknown[]) {
    const { id: stepId, name: stepName } = (typeof step === 'object' && step !== null ? step : {}) as Record<
      string,
      unknown
    >;
    const stepFault = idFault(stepId) ?? nameFault(stepName);
    if (stepFault !== null) return reason(`its path: ${stepFault}`);
    names.push((stepName as string).trim());
    nodes.push({
      externalId: stepId as string,
      parentExternalId: nodes.at(-1)?.externalId ?? null,
      name: (stepName as string).trim(),
      slug: categoryPathSlug(names),
    });
  }
  if (nodes.at(-1)?.externalId !== id) return reason('its path does not end with itself');
  if (new Set(nodes.map(({ externalId }) => externalId)).size < nodes.length) {
    return reason('its path goes in a circle');
  }
  return nodes;
}

function idFault(id: unknown): string | null {
  if (typeof id !== 'string' || id === '') return 'id is missing or not a text';
  if (id.length > ID_CHARS_MAX) return `id is longer than ${String(ID_CHARS_MAX)} characters`;
  return isStorable(id) ? null : 'id is not valid text';
}

function nameFault(name: unknown): string | null {
  if (typeof name !== 'string' || name.trim() === '') return 'name is missing or not a text';
  if (name.length > NAME_CHARS_MAX) return `name is longer than ${String(NAME_CHARS_MAX)} characters`;
  return isStorable(name) ? null : 'name is not valid text';
}

/** PostgreSQL stores no NUL, and U+FFFD tells of bytes that were not UTF-8. */
function isStorable(text: string): boolean {
  return text.isWellFormed() && !text.includes('\0') && !text.includes('\uFFFD');
}

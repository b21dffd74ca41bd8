import { Injectable } from '@nestjs/common';
import type { AuditedBy } from '../../core/audit-log/index.js';
import { EventOutbox } from '../../core/events/index.js';
import { OptimizedPrismaService, type SqlTransaction } from '../../infrastructure/database/prisma/index.js';
import { categoriesChanged } from './catalog-events.js';
import type { CategoryNode, TreeChange } from './category-tree.js';

/** Serialises writers of the category tree: paths of ancestors are only right if the tree holds still. */
const TREE_LOCK = 0x63617465;

/** Reads and writes the category tree as a whole. */
@Injectable()
export class CatalogCategoryRepository {
  constructor(
    private readonly database: OptimizedPrismaService,
    private readonly outbox: EventOutbox,
  ) {}

  /** Writes what `plan` makes of the present tree, while nobody else writes it. A plan may throw a refusal. */
  async change<T extends TreeChange>(
    by: AuditedBy,
    plan: (present: readonly CategoryNode[]) => T,
  ): Promise<T> {
    return this.database.sqlTransaction(async (transaction) => {
      await transaction.query('SELECT pg_advisory_xact_lock($1)', [TREE_LOCK]);
      const present = await transaction.query<Record<string, never> & CategoryNode>(
        `SELECT id, external_id AS "externalId", parent_id AS "parentId", slug, name,
                ancestor_ids AS "ancestorIds", position
         FROM categories`,
      );
      const change = plan(present);
      await insertCategories(transaction, change.created);
      await updateCategories(transaction, change.updated);
      const [first, ...rest] = [...change.created, ...change.updated].map(({ id }) => id);
      if (first !== undefined) {
        const act = { by, ...describe(present, change) };
        await this.outbox.append(transaction, [categoriesChanged([first, ...rest], act)]);
      }
      return change;
    });
  }
}

/** What the change did: the nodes that it wrote, and as they were. */
function describe(
  present: readonly CategoryNode[],
  { created, updated }: TreeChange,
): { action: string; before?: unknown; after: unknown } {
  const shown = ({ id, slug, name, parentId, position }: CategoryNode) => ({
    id,
    slug,
    name,
    parentId,
    position,
  });
  if (updated.length === 0) return { action: 'category.created', after: created.map(shown) };
  const ids = new Set(updated.map(({ id }) => id));
  return {
    action: 'category.changed',
    before: present.filter(({ id }) => ids.has(id)).map(shown),
    after: [...created, ...updated].map(shown),
  };
}

async function insertCategories(transaction: SqlTransaction, nodes: readonly CategoryNode[]): Promise<void> {
  if (nodes.length === 0) return;
  await transaction.execute(
    `INSERT INTO categories (id, external_id, parent_id, slug, name, ancestor_ids, position)
     SELECT id, "externalId", "parentId", slug, name, "ancestorIds", position
     FROM jsonb_to_recordset($1::jsonb) AS c (id uuid, "externalId" text, "parentId" uuid, slug text,
       name text, "ancestorIds" uuid[], position integer)`,
    [JSON.stringify(nodes)],
  );
}

async function updateCategories(transaction: SqlTransaction, nodes: readonly CategoryNode[]): Promise<void> {
  if (nodes.length === 0) return;
  // Slugs that move from one category to another must not meet half-way: uniqueness is checked row by row.
  await transaction.execute('UPDATE categories SET slug = id::text WHERE id = ANY ($1::uuid[])', [
    nodes.map(({ id }) => id),
  ]);
  await transaction.execute(
    `UPDATE categories SET external_id = c."externalId", parent_id = c."parentId", slug = c.slug,
       name = c.name, ancestor_ids = c."ancestorIds", position = c.position
     FROM jsonb_to_recordset($1::jsonb) AS c (id uuid, "externalId" text, "parentId" uuid, slug text,
       name text, "ancestorIds" uuid[], position integer)
     WHERE categories.id = c.id`,
    [JSON.stringify(nodes)],
  );
}

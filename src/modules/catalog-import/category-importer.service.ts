import { Injectable } from '@nestjs/common';
import { type CategoryInput, CatalogWriter } from '../catalog/index.js';
import { distinctSlug } from './category-path.js';
import { type CategoryNode, readCategoryRow } from './category-row.js';
import type { ImportReport, Outcome } from './import-report.js';
import { jsonElements } from './json-elements.js';
import type { RefusedRow } from './refused-row.js';

/** Rows of one call of the catalogue's writer, which reads the whole tree each time. */
const BATCH_ROWS = 1000;

interface Row {
  readonly line: number;
  readonly number: number;
  /** From the root to the category itself. */
  readonly nodes: readonly CategoryNode[];
}

/** Loads a category tree from JSON. Of the file one batch is in memory; of the tree, which is small, the ids. */
@Injectable()
export class CategoryImporter {
  constructor(private readonly catalog: CatalogWriter) {}

  /**
   * Rows that cannot go in are refused through the report. When the source fails half-way, what was
   * complete before is written and the source's error is thrown.
   * @throws JsonArrayError when the file is not one whole JSON array.
   */
  async run(chunks: AsyncIterable<Uint8Array>, report: ImportReport): Promise<void> {
    const written = new Map<string, string>();
    let batch: Row[] = [];
    const flush = async () => {
      const rows = batch;
      batch = [];
      await this.write(rows, written, report);
    };
    try {
      for await (const element of jsonElements(chunks)) {
        report.rows += 1;
        const nodes = 'reason' in element ? element.reason : readCategoryRow(element.value);
        const { line, number } = element;
        if (typeof nodes === 'string') report.refuse([refusal({ line, number }, nodes)]);
        else batch.push({ line, number, nodes });
        if (batch.length >= BATCH_ROWS) await flush();
      }
    } finally {
      await flush();
    }
  }

  private async write(
    rows: readonly Row[],
    written: Map<string, string>,
    report: ImportReport,
  ): Promise<void> {
    const nodes = new Map<string, CategoryNode>();
    for (const row of rows) {
      for (const node of row.nodes.slice(0, -1)) {
        if (!nodes.has(node.externalId) && !written.has(node.externalId)) nodes.set(node.externalId, node);
      }
      const own = row.nodes.at(-1);
      // A category's own row counts for more than what the paths of others say of it.
      if (own !== undefined && written.get(own.externalId) !== fingerprint(own))
        nodes.set(own.externalId, own);
    }
    const rejected = await this.upsert([...nodes.values()], (node, outcome) => {
      if (!written.has(node.externalId)) report.count('categories', outcome);
      written.set(node.externalId, fingerprint(node));
    });
    report.refuse(
      rows.flatMap((row): RefusedRow[] => {
        const reason = rejected.get(row.nodes.at(-1)?.externalId ?? '');
        return reason === undefined ? [] : [refusal(row, reason)];
      }),
    );
  }

  /**
   * Categories of the same names all the way down want the same slug. The first keeps it, the others add
   * their id to it and are tried again, together with their children, who could not go in without them.
   */
  private async upsert(
    nodes: readonly CategoryNode[],
    onWritten: (node: CategoryNode, outcome: Outcome) => void,
  ): Promise<Map<string, string>> {
    const distinct = new Set<string>();
    for (let open = nodes; ;) {
      const inputs = open.map((node) => toInput(node, distinct.has(node.externalId)));
      const results = await this.catalog.upsertCategories(inputs);
      const reasons = new Map<string, string>();
      results.forEach((result, index) => {
        const node = open[index];
        if (node === undefined) return;
        if (result.outcome === 'rejected') reasons.set(node.externalId, result.reason);
        else onWritten(node, result.outcome);
      });
      open = open.filter(({ externalId }) => reasons.has(externalId));
      const retried = open.filter(
        ({ externalId, parentExternalId }) =>
          !distinct.has(externalId) && !reasons.has(parentExternalId ?? ''),
      );
      if (retried.length === 0) return reasons;
      for (const { externalId } of retried) distinct.add(externalId);
    }
  }
}

function toInput(
  { externalId, parentExternalId, name, slug }: CategoryNode,
  isDistinct: boolean,
): CategoryInput {
  return {
    externalId,
    parentExternalId: parentExternalId ?? undefined,
    name,
    slug: isDistinct ? distinctSlug(slug, externalId) : slug,
  };
}

function fingerprint({ parentExternalId, name, slug }: CategoryNode): string {
  return JSON.stringify([parentExternalId, name, slug]);
}

/** Files of this kind are often one long line, so the element's number is told as well. */
function refusal({ line, number }: { line: number; number: number }, reason: string): RefusedRow {
  return { line, reason: `element ${String(number)}: ${reason}` };
}

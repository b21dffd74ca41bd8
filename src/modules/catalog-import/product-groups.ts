import type { CsvRecord } from './csv-records.js';
import { draftProduct, type ProductDraft } from './product-draft.js';
import {
  CatalogueHeaderError,
  type ProductRow,
  ProductRowReader,
  type UnreadableRow,
} from './product-row.js';
import type { RefusedRow } from './refused-row.js';

/**
 * A product of more neighbouring rows goes on as rows without a product, which is known by then. As many
 * as a product may have variants.
 */
const GROUP_ROWS_MAX = 100;

export interface ProductGroup {
  /** Null when none of its rows can go in. */
  readonly draft: ProductDraft | null;
  readonly refused: readonly RefusedRow[];
  readonly rowCount: number;
}

/**
 * Puts neighbouring rows of one slug together, one product in memory at a time.
 * @throws CatalogueHeaderError when the first row is no header of a catalogue.
 */
export async function* productGroups(
  records: AsyncIterable<CsvRecord | RefusedRow>,
  defaultCurrency: string,
): AsyncGenerator<ProductGroup> {
  let reader: ProductRowReader | null = null;
  let slug: string | null = null;
  let rows: (ProductRow | UnreadableRow)[] = [];

  for await (const record of records) {
    if (reader === null) {
      if ('reason' in record)
        throw new CatalogueHeaderError(`the first row cannot be read: ${record.reason}`);
      reader = new ProductRowReader(record.fields, defaultCurrency);
      continue;
    }
    const row = 'reason' in record ? { ...record, slug: null } : reader.read(record.line, record.fields);
    if (row.slug === null) {
      yield { draft: null, refused: [row as UnreadableRow], rowCount: 1 };
      continue;
    }
    if (slug !== null && (row.slug !== slug || rows.length === GROUP_ROWS_MAX)) {
      yield groupOf(slug, rows);
      rows = [];
    }
    slug = row.slug;
    rows.push(row);
  }
  if (reader === null) throw new CatalogueHeaderError('the file is empty');
  if (slug !== null) yield groupOf(slug, rows);
}

function groupOf(slug: string, rows: readonly (ProductRow | UnreadableRow)[]): ProductGroup {
  return { ...draftProduct(slug, rows), rowCount: rows.length };
}

import { isCurrencyCode, parseDecimalAmount, PRICE_AMOUNT_MINOR_MAX } from '../../common/money.js';
import { CATEGORY_DEPTH_MAX, SLUG_CHARS_MAX, splitCategoryPath } from './category-path.js';
import { quoted } from './refused-row.js';

/** One row of a catalogue file whose every cell has been understood. */
export interface ProductRow {
  readonly line: number;
  readonly slug: string;
  readonly sku: string;
  /** Null on the rows of variants and of further prices, which leave the product's own cells empty. */
  readonly name: string | null;
  readonly description: string;
  readonly status: ProductStatus | null;
  /** Names from the root; null when the row names no category. */
  readonly categoryPath: readonly string[] | null;
  /** Null when the row names no option. */
  readonly options: Readonly<Record<string, string>> | null;
  readonly currency: string;
  /** Minor units; null when the cell is empty. */
  readonly amountMinor: number | null;
  /** Null when the cell is empty. */
  readonly onHand: number | null;
}

const PRODUCT_STATUSES = ['draft', 'active', 'archived'] as const;
export type ProductStatus = (typeof PRODUCT_STATUSES)[number];

/** A row that was not understood; the slug, when it has one, ties it to the rows below it. */
export interface UnreadableRow {
  readonly line: number;
  readonly slug: string | null;
  readonly reason: string;
}

const SKU_CHARS_MAX = 100;
const NAME_CHARS_MAX = 200;
const DESCRIPTION_CHARS_MAX = 10_000;
const OPTION_CHARS_MAX = 100;
const ON_HAND_MAX = 1_000_000_000;
const REQUIRED_COLUMNS = ['slug', 'sku', 'name', 'price', 'currency'];

/** The file's first row does not name the columns that make a catalogue. */
export class CatalogueHeaderError extends Error {}

class CellError extends Error {}

/** Reads the cells of rows by the names in the header; columns it does not know are left alone. */
export class ProductRowReader {
  private readonly columns: ReadonlyMap<string, number>;
  private readonly optionColumns: readonly { readonly name: number; readonly value: number }[];

  /** @throws CatalogueHeaderError when a required column is missing or a column comes twice. */
  constructor(
    private readonly header: readonly string[],
    private readonly defaultCurrency: string,
  ) {
    const names = header.map((name) => name.trim().toLowerCase());
    const missing = REQUIRED_COLUMNS.filter((name) => !names.includes(name));
    if (missing.length > 0) throw new CatalogueHeaderError(`columns are missing: ${missing.join(', ')}`);
    const repeated = names.find((name, index) => name !== '' && names.indexOf(name) !== index);
    if (repeated !== undefined) throw new CatalogueHeaderError(`the column ${quoted(repeated)} comes twice`);
    this.columns = new Map(names.map((name, index) => [name, index]));
    this.optionColumns = names.flatMap((column, index) => {
      const number = /^option(\d+)_name$/.exec(column)?.[1];
      const value = number === undefined ? undefined : this.columns.get(`option${number}_value`);
      return value === undefined ? [] : [{ name: index, value }];
    });
  }

  read(line: number, fields: readonly string[]): ProductRow | UnreadableRow {
    const slug = this.cell(fields, 'slug');
    try {
      if (fields.length !== this.header.length) {
        throw new CellError(
          `the row has ${String(fields.length)} cells, the header ${String(this.header.length)}`,
        );
      }
      for (const field of fields) checkText(field);
      const currency = this.currency(fields);
      return {
        line,
        slug: checkSlug(slug),
        sku: checkLength('sku', required('sku', this.cell(fields, 'sku')), SKU_CHARS_MAX),
        name: checkLength('name', this.cell(fields, 'name'), NAME_CHARS_MAX) || null,
        description: checkLength('description', this.cell(fields, 'description'), DESCRIPTION_CHARS_MAX),
        status: readStatus(this.cell(fields, 'status')),
        categoryPath: readCategoryPath(this.cell(fields, 'category1')),
        options: this.options(fields),
        currency,
        amountMinor: readAmount(this.cell(fields, 'price'), currency),
        onHand: readOnHand(this.cell(fields, 'inventory_count')),
      };
    } catch (error) {
      if (!(error instanceof CellError)) throw error;
      return { line, slug: slug === '' ? null : slug, reason: error.message };
    }
  }

  private cell(fields: readonly string[], column: string): string {
    const index = this.columns.get(column);
    return index === undefined ? '' : (fields[index] ?? '').trim();
  }

  private currency(fields: readonly string[]): string {
    const text = this.cell(fields, 'currency') || this.defaultCurrency;
    if (!isCurrencyCode(text)) {
      throw new CellError(`currency ${quoted(text)} is not a code of three capital letters`);
    }
    return text;
  }

  private options(fields: readonly string[]): Record<string, string> | null {
    const options = new Map<string, string>();
    for (const column of this.optionColumns) {
      const name = (fields[column.name] ?? '').trim();
      const value = (fields[column.value] ?? '').trim();
      if (name === '' && value === '') continue;
      if (name === '' || value === '')
        throw new CellError('an option has a name without a value or a value without a name');
      if (options.has(name)) throw new CellError(`the option ${quoted(name)} comes twice`);
      options.set(
        checkLength('option', name, OPTION_CHARS_MAX),
        checkLength('option', value, OPTION_CHARS_MAX),
      );
    }
    return options.size === 0 ? null : Object.fromEntries(options);
  }
}

function checkText(text: string): void {
  if (text.includes('\0')) throw new CellError('the row contains a NUL character');
  if (text.includes('\uFFFD')) throw new CellError('the row is not valid UTF-8');
}

function required(column: string, text: string): string {
  if (text === '') throw new CellError(`${column} is empty`);
  return text;
}

function checkLength(column: string, text: string, charsMax: number): string {
  if (text.length > charsMax) {
    throw new CellError(
      `${column} has ${String(text.length)} characters, at most ${String(charsMax)} are accepted`,
    );
  }
  return text;
}

function checkSlug(text: string): string {
  checkLength('slug', required('slug', text), SLUG_CHARS_MAX);
  if (!/^[a-z0-9]+(?:-[a-z0-9]+)*$/.test(text)) {
    throw new CellError(`slug ${quoted(text)} is not made of a-z, 0-9 and single hyphens`);
  }
  return text;
}

function readStatus(text: string): ProductStatus | null {
  if (text === '') return null;
  const status = PRODUCT_STATUSES.find((known) => known === text.toLowerCase());
  if (status === undefined) {
    throw new CellError(`status ${quoted(text)} is not one of ${PRODUCT_STATUSES.join(', ')}`);
  }
  return status;
}

function readCategoryPath(text: string): string[] | null {
  if (text === '') return null;
  const names = splitCategoryPath(text);
  if (names === null) throw new CellError(`category1 ${quoted(text)} has an empty name between its arrows`);
  if (names.length > CATEGORY_DEPTH_MAX) {
    throw new CellError(
      `category1 is ${String(names.length)} deep, at most ${String(CATEGORY_DEPTH_MAX)} are accepted`,
    );
  }
  for (const name of names) checkLength('category1', name, NAME_CHARS_MAX);
  return names;
}

function readAmount(text: string, currency: string): number | null {
  if (text === '') return null;
  const amount = parseDecimalAmount(text, currency);
  if (amount === null) {
    throw new CellError(
      `price ${quoted(text)} is not an amount in ${currency}: digits, a point and the places of the currency, at most ${String(PRICE_AMOUNT_MINOR_MAX)} minor units`,
    );
  }
  return amount;
}

function readOnHand(text: string): number | null {
  if (text === '') return null;
  const onHand = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (!(onHand <= ON_HAND_MAX)) {
    throw new CellError(
      `inventory_count ${quoted(text)} is not a whole number from 0 to ${String(ON_HAND_MAX)}`,
    );
  }
  return onHand;
}

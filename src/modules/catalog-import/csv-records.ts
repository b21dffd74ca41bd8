import { CsvError, parse } from 'csv-parse/sync';
import type { RefusedRow } from './refused-row.js';
import type { TextLine } from './text-lines.js';

export interface CsvRecord {
  /** The line on which the record starts. */
  readonly line: number;
  readonly fields: readonly string[];
}

/** Bounds of one record. A quoted field of a real catalogue is a description of some kilobytes. */
export const RECORD_LINES_MAX = 1000;
export const RECORD_CHARS_MAX = 262_144;

/**
 * Groups lines into records and reads each on its own, so that a broken record costs itself alone: when
 * the lines from here on make no record (a quote that is never closed, text behind a closing quote), the
 * first of them is refused and reading goes on at the second. Empty lines are left out.
 */
export async function* csvRecords(lines: AsyncIterable<TextLine>): AsyncGenerator<CsvRecord | RefusedRow> {
  const window: TextLine[] = [];
  for await (const line of lines) {
    window.push(line);
    yield* takeRecords(window, false);
  }
  yield* takeRecords(window, true);
}

/** Takes every record off the front of the window; what may still grow into one stays. */
function* takeRecords(window: TextLine[], isEnd: boolean): Generator<CsvRecord | RefusedRow> {
  for (let first = window[0]; first !== undefined; first = window[0]) {
    const { number: line } = first;
    const found = findRecord(window);
    if (found === 'incomplete' && !isEnd) return;
    if (found === 'incomplete' || found === 'too large') {
      window.shift();
      const reason =
        first.text === null || found === 'too large'
          ? `the row is longer than ${String(RECORD_CHARS_MAX)} characters or ${String(RECORD_LINES_MAX)} lines, or a quote is not closed`
          : 'a quote is opened and never closed';
      yield { line, reason };
      continue;
    }
    if (found.text.trim() === '') {
      window.splice(0, found.lineCount);
      continue;
    }
    const record = readRecord(line, found.text);
    window.splice(0, 'fields' in record ? found.lineCount : 1);
    yield record;
  }
}

type Found = { readonly text: string; readonly lineCount: number };

/** A record ends at the first line end behind which the number of quotes is even (RFC 4180). */
function findRecord(window: readonly TextLine[]): Found | 'incomplete' | 'too large' {
  let text = '';
  let quotes = 0;
  for (const [index, line] of window.entries()) {
    if (line.text === null || index >= RECORD_LINES_MAX) return 'too large';
    text += index === 0 ? line.text : `\n${line.text}`;
    if (text.length > RECORD_CHARS_MAX) return 'too large';
    for (let at = line.text.indexOf('"'); at !== -1; at = line.text.indexOf('"', at + 1)) quotes += 1;
    if (quotes % 2 === 0) return { text, lineCount: index + 1 };
  }
  return 'incomplete';
}

function readRecord(line: number, text: string): CsvRecord | RefusedRow {
  try {
    const [fields = []] = parse(text, { relax_column_count: true, record_delimiter: '\n' });
    return { line, fields };
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    const reason =
      error.code === 'CSV_INVALID_CLOSING_QUOTE'
        ? 'text stands behind a closing quote'
        : 'a quote stands inside a field that is not quoted';
    return { line, reason };
  }
}

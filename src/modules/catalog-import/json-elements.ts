import type { RefusedRow } from './refused-row.js';

export interface JsonElement {
  /** The line on which the element starts. */
  readonly line: number;
  /** Its place in the array, counted from 1: files without line breaks have only this. */
  readonly number: number;
  readonly value: unknown;
}

export interface RefusedElement extends RefusedRow {
  readonly number: number;
}

/** The file is not an array of JSON values, or ends before the array does. */
export class JsonArrayError extends Error {}

/** A category with its path and its children has some kilobytes. */
const ELEMENT_CHARS_MAX = 1_048_576;

/**
 * The elements of the one array that a file consists of, holding one of them at a time. Brackets and
 * quotes decide where an element ends and JSON.parse decides what it is, so that a broken element whose
 * brackets match costs itself alone.
 * @throws JsonArrayError when what stands outside of the elements is wrong.
 */
export async function* jsonElements(
  chunks: AsyncIterable<Uint8Array>,
  charsMax = ELEMENT_CHARS_MAX,
): AsyncGenerator<JsonElement | RefusedElement> {
  const decoder = new TextDecoder('utf-8');
  const scanner = new ArrayScanner(charsMax);
  for await (const chunk of chunks) yield* scanner.scan(decoder.decode(chunk, { stream: true }));
  yield* scanner.scan(decoder.decode());
  scanner.end();
}

const LF = 0x0a;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

class ArrayScanner {
  private state: 'before' | 'inside' | 'after' = 'before';
  private line = 1;
  private depth = 0;
  private isInString = false;
  private isEscaped = false;

  private number = 0;
  private element = '';
  private isTooLong = false;
  /** The line on which the text of the present element begins, white space included. */
  private elementLine = 1;

  constructor(private readonly charsMax: number) {}

  *scan(text: string): Generator<JsonElement | RefusedElement> {
    let from = 0;
    for (let i = 0; i < text.length; i += 1) {
      const code = text.charCodeAt(i);
      if (code === LF) this.line += 1;
      if (this.state !== 'inside') {
        this.readOutside(text.charAt(i));
        from = i + 1;
      } else if (this.endsElement(code)) {
        this.collect(text.slice(from, i));
        from = i + 1;
        if (code === CLOSE_ARRAY) this.state = 'after';
        yield* this.takeElement();
      }
    }
    if (this.state === 'inside') this.collect(text.slice(from));
  }

  end(): void {
    if (this.state === 'before') throw new JsonArrayError('the file is empty');
    if (this.state === 'inside') {
      throw new JsonArrayError(
        `the file ends in line ${String(this.line)}, in element ${String(this.number + 1)}, before its array does`,
      );
    }
  }

  private readOutside(char: string): void {
    if (/\s/.test(char)) return;
    if (this.state === 'after') {
      throw new JsonArrayError(`line ${String(this.line)} has text behind the end of the array`);
    }
    if (char !== '[') throw new JsonArrayError('the file is not a JSON array');
    this.state = 'inside';
    this.elementLine = this.line;
  }

  /** True at the comma or the bracket of the array itself. */
  private endsElement(code: number): boolean {
    if (this.isInString) {
      if (this.isEscaped) this.isEscaped = false;
      else if (code === BACKSLASH) this.isEscaped = true;
      else if (code === QUOTE) this.isInString = false;
      return false;
    }
    if (this.depth === 0) {
      if (code === COMMA || code === CLOSE_ARRAY) return true;
    } else if (code === CLOSE_ARRAY || code === CLOSE_OBJECT) {
      this.depth -= 1;
    }
    if (code === QUOTE) this.isInString = true;
    else if (code === OPEN_ARRAY || code === OPEN_OBJECT) this.depth += 1;
    return false;
  }

  private collect(text: string): void {
    this.isTooLong ||= this.element.length + text.length > this.charsMax;
    this.element = this.isTooLong ? '' : this.element + text;
  }

  private *takeElement(): Generator<JsonElement | RefusedElement> {
    const text = this.element.trimStart();
    const leading = this.element.slice(0, this.element.length - text.length);
    const line = this.elementLine + leading.split('\n').length - 1;
    const { isTooLong } = this;
    this.element = '';
    this.isTooLong = false;
    this.elementLine = this.line;
    if (text === '' && !isTooLong && this.state === 'after' && this.number === 0) return;
    this.number += 1;
    if (isTooLong) {
      const reason = `the element is longer than ${String(this.charsMax)} characters`;
      yield { line, number: this.number, reason };
      return;
    }
    yield parseElement(line, this.number, text);
  }
}

function parseElement(line: number, number: number, text: string): JsonElement | RefusedElement {
  try {
    return { line, number, value: JSON.parse(text) as unknown };
  } catch {
    return { line, number, reason: 'the element is not valid JSON' };
  }
}

/** A row that did not go in, and why, in words for the person who mends the file. */
export interface RefusedRow {
  /** Where the row starts, counted from 1. */
  readonly line: number;
  readonly reason: string;
}

const QUOTED_CHARS_MAX = 40;

/** A cell's text for a message: short, on one line, and without effect on a terminal. */
export function quoted(text: string): string {
  const short = text.length > QUOTED_CHARS_MAX ? `${text.slice(0, QUOTED_CHARS_MAX)}…` : text;
  return JSON.stringify(short).replace(
    /[\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

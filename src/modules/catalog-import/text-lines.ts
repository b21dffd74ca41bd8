/** One physical line without its line break; `text` is null when it was longer than the reader accepts. */
export interface TextLine {
  /** Counted from 1. */
  readonly number: number;
  readonly text: string | null;
}

/**
 * Splits UTF-8 into lines at LF or CRLF, holding one line at a time. A byte order mark at the start is
 * dropped; bytes that are not UTF-8 arrive as U+FFFD. A lone CR and the Unicode line separators are text.
 */
export async function* textLines(
  chunks: AsyncIterable<Uint8Array>,
  charsMax: number,
): AsyncGenerator<TextLine> {
  const decoder = new TextDecoder('utf-8');
  let pending = '';
  let isTooLong = false;
  let number = 0;

  const finish = (text: string): TextLine => {
    number += 1;
    const line = isTooLong || text.length > charsMax ? null : text.endsWith('\r') ? text.slice(0, -1) : text;
    isTooLong = false;
    return { number, text: line };
  };

  for await (const chunk of chunks) {
    pending += decoder.decode(chunk, { stream: true });
    let start = 0;
    for (let end = pending.indexOf('\n'); end !== -1; end = pending.indexOf('\n', start)) {
      yield finish(pending.slice(start, end));
      start = end + 1;
    }
    pending = pending.slice(start);
    if (pending.length > charsMax) {
      isTooLong = true;
      pending = '';
    }
  }
  pending += decoder.decode();
  if (pending !== '' || isTooLong) yield finish(pending);
}

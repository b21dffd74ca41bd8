/** A shopper's words, split for PostgreSQL: all of them as typed, or the last one as a prefix. */
export interface SearchTerms {
  /** For websearch_to_tsquery: words, "phrases", or, -not. May be empty when there is a prefix. */
  readonly words: string;
  /** The word that is still being typed; letters and digits only. Null when the end is not a plain word. */
  readonly prefix: string | null;
}

const LAST_WORD = /(?:^|\s)([\p{L}\p{N}]+)$/u;

/** One spelling for what finds the same: spaces and ASCII case do not matter to the search. */
export function normaliseSearch(text: string): string {
  return text
    .normalize('NFC')
    .trim()
    .replace(/\s+/gu, ' ')
    .replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

/**
 * The last word also finds longer ones, so that results come while a shopper types. Not inside a quoted
 * phrase, not after `or`, where it would change the meaning of what stands before.
 */
export function splitSearch(text: string): SearchTerms {
  const prefix = LAST_WORD.exec(text)?.[1];
  if (prefix === undefined || prefix === 'or') return { words: text, prefix: null };
  const words = text.slice(0, text.length - prefix.length).trim();
  const isInPhrase = words.split('"').length % 2 === 0;
  if (isInPhrase || /(?:^|\s)or$/.test(words)) return { words: text, prefix: null };
  return { words, prefix };
}

const LENGTH_MAX = 1000;

/** What a message may quote although nobody meant it to, and what stands there instead. */
const PRIVATE: readonly (readonly [RegExp, string])[] = [
  // Before addresses: `user:password@host` looks like one.
  [/\b([a-z][a-z0-9+.-]*:\/\/)[^\s/@]+@/gi, '$1[credentials]@'],
  [/[^\s@"'<>(),;:=]+@[^\s@"'<>(),;:=]+\.[a-z]{2,}/gi, '[e-mail]'],
  [/\beyJ[\w-]+\.[\w-]+(?:\.[\w-]*)?/g, '[token]'],
  [/\b(bearer|basic)\s+[\w+/=.~-]+/gi, '$1 [token]'],
  [
    /\b((?:set-)?cookie|authorization|password|passwd|secret|token|api[-_]?key)(["']?\s*[:=]\s*)(?:"[^"]*"|'[^']*'|[^\s,;&}]+)/gi,
    '$1$2[private]',
  ],
  // Keys and ids of sessions; ids of rows, requests and traces are shorter.
  [/\b(?=[A-Za-z_-]*\d)[A-Za-z0-9_-]{40,}\b/g, '[key]'],
  // Numbers of cards.
  [/\b(?:\d[ -]?){13,19}\b/g, '[number]'],
];

/** The text as it may leave the cluster. Lossy on purpose: the log of the process has it in full. */
export function scrubText(text: string): string {
  // Cut first, so that no text takes long; a little more, so that what is cut through is still recognised.
  const cut = text.slice(0, 2 * LENGTH_MAX);
  return PRIVATE.reduce((clean, [pattern, instead]) => clean.replaceAll(pattern, instead), cut).slice(
    0,
    LENGTH_MAX,
  );
}

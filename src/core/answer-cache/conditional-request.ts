/** One entity tag in a list, its weak prefix optional (RFC 9110, section 8.8.3). */
const ENTITY_TAG = /\s*(?:W\/)?("[\x21\x23-\x7e\x80-\xff]*")\s*(?:,|$)/y;

/**
 * The first of `etags` that If-None-Match names, by weak comparison, or null (RFC 9110, section 13.1.2).
 * `*` names whatever there is. A field that is not a list of entity tags matches nothing.
 */
export function matchIfNoneMatch(
  field: string | undefined,
  etags: readonly [string, ...string[]],
): string | null {
  if (field === undefined) return null;
  // What a client that got one answer from us sends.
  if (etags.includes(field)) return field;
  if (field.trim() === '*') return etags[0];
  ENTITY_TAG.lastIndex = 0;
  const named = new Set<string>();
  while (ENTITY_TAG.lastIndex < field.length) {
    const tag = ENTITY_TAG.exec(field)?.[1];
    if (tag === undefined) return null;
    named.add(tag);
  }
  return etags.find((etag) => named.has(etag)) ?? null;
}

/** Clients send few different Accept-Encoding fields; each is read once. */
const REMEMBERED_FIELDS_MAX = 256;
const remembered = new Map<string, boolean>();

/** Whether the client takes gzip (RFC 9110, section 12.5.3). Without the field: identity is safest. */
export function acceptsGzip(field: string | string[] | undefined): boolean {
  if (typeof field !== 'string') return false;
  const known = remembered.get(field);
  if (known !== undefined) return known;
  const answer = readAcceptEncoding(field);
  if (remembered.size < REMEMBERED_FIELDS_MAX && field.length <= 256) remembered.set(field, answer);
  return answer;
}

function readAcceptEncoding(field: string): boolean {
  let any = false;
  for (const item of field.toLowerCase().split(',')) {
    const [coding = '', ...parameters] = item.split(';').map((part) => part.trim());
    const isAccepted = !parameters.some((parameter) => /^q=0(?:\.0{0,3})?$/.test(parameter));
    if (coding === 'gzip' || coding === 'x-gzip') return isAccepted;
    if (coding === '*') any = isAccepted;
  }
  return any;
}

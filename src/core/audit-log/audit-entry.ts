import type { AuditAction, AuditClass, AuditOrigin } from './audit-log.js';
import { canonicalJson, quote, quoteRedacted } from './canonical-json.js';
import { cleanText, isPlain } from './redaction.js';

/** Between the fields of a line. No field holds control characters, so neither can be forged. */
export const FIELD_SEPARATOR = '\u001f';
/** Between the lines of one entry of a stream. */
export const LINE_SEPARATOR = '\u001e';

const NAME_MAX = 200;
/** The largest part of an entry; the index of a column takes much less, a row of PostgreSQL much more. */
const DETAILS_MAX = 16_384;

/** One entry before it has a place in its chain. */
export interface AuditEntry {
  /** UUIDv7; its time is the time of the entry. */
  readonly id: string;
  readonly actor: string;
  readonly action: string;
  readonly resource: string;
  /** Canonical JSON: exactly what PostgreSQL prints of the `jsonb`. */
  readonly details: string;
}

/** Everything of an entry but its id, as it travels: `actor, action, resource, details`. */
export function auditLine(event: AuditAction, auditClass: AuditClass): string {
  const { actor, action, resource } = event;
  const details = detailsOf(event, auditClass);
  return (
    name(actor) +
    FIELD_SEPARATOR +
    name(action) +
    FIELD_SEPARATOR +
    name(resource) +
    FIELD_SEPARATOR +
    details
  );
}

/**
 * The entry of an id and its line, between them a separator; null when the text is none. No field of it holds
 * either separator.
 */
export function parseEntry(text: string): AuditEntry | null {
  if (text.includes(LINE_SEPARATOR)) return null;
  const [id = '', actor, action, resource, details, ...rest] = text.split(FIELD_SEPARATOR);
  if (actor === undefined || action === undefined || resource === undefined || details === undefined)
    return null;
  return rest.length > 0 || !ID.test(id) ? null : { id, actor, action, resource, details };
}

const ID = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** Milliseconds since the Unix epoch at which a UUIDv7 was made. */
export function timeOfId(id: string): number {
  return parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
}

/** The members in the order in which jsonb has them. */
function detailsOf(event: AuditAction, auditClass: AuditClass): string {
  const { before, after, cause, origin = null } = event;
  const changes = [shortened(after), shortened(before)];
  const [afterText, beforeText] = changes;
  const ip = origin?.ip ?? null;
  let text = ip === null ? '{' : `{"ip": ${quotedName(ip)}, `;
  if (afterText !== undefined) text += `"after": ${afterText}, `;
  if (cause !== undefined) text += `"cause": ${quoteRedacted(cause)}, `;
  text += `"class": "${auditClass}"`;
  if (beforeText !== undefined) text += `, "before": ${beforeText}`;
  return `${text}${requestOf(origin)}}`;
}

function requestOf(origin: AuditOrigin | null): string {
  if (origin === null) return '';
  const { traceId, requestId, traceparent = null } = origin;
  const trace = traceId === null ? '' : `, "traceId": ${quotedName(traceId)}`;
  const parent = traceparent === null ? '' : `, "traceparent": ${quotedName(traceparent)}`;
  return `${trace}, "requestId": ${quotedName(requestId)}${parent}`;
}

/** Of the request behind the entry; null when there is none, or none that is known. */
export function traceparentOf({ details }: AuditEntry): string | null {
  return LAST_TRACEPARENT.exec(details)?.[1] ?? null;
}

/** As {@link requestOf} writes it: no other member is the last one, and one of `before` or `after` is deeper. */
const LAST_TRACEPARENT = /"traceparent": "([^"\\]*)"\}$/;

function shortened(value: unknown): string | undefined {
  const text = canonicalJson(value);
  return text === undefined || text.length <= DETAILS_MAX ? text : '"[cut]"';
}

function name(text: string): string {
  return isShortAndPlain(text) ? text : cleanText(text.slice(0, NAME_MAX));
}

function quotedName(text: string): string {
  return text.length <= NAME_MAX && isPlain(text) ? `"${text}"` : quote(name(text));
}

const isShortAndPlain = (text: string): boolean => text.length <= NAME_MAX && /^[\u0020-\u007e]*$/.test(text);

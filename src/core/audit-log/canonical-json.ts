import { isHarmless, isPlain, isSecretName, redactText } from './redaction.js';

const DEPTH_MAX = 6;
const MEMBERS_MAX = 100;
const LABELS_KEPT_MAX = 1000;
const LABEL_KEPT_LENGTH_MAX = 100;
const REDACTED = '"[redacted]"';
const CUT = '"[cut]"';

/**
 * JSON as PostgreSQL prints a `jsonb` of it: members sorted by the length of their names and then by bytes,
 * `": "` and `", "` between them, numbers without exponents. So what was hashed before it was stored is
 * what `::text` gives back, and the verifier need not understand it.
 *
 * Secrets are replaced on the way, texts are cleaned, and what is nested deeper than {@link DEPTH_MAX} or
 * longer than {@link MEMBERS_MAX} is cut. Undefined, when the value is nothing that JSON has.
 */
export function canonicalJson(value: unknown, depth = 0): string | undefined {
  switch (typeof value) {
    case 'string':
      return quoteRedacted(value);
    case 'number':
      return numberText(value);
    case 'boolean':
      return value ? 'true' : 'false';
    case 'bigint':
      return `"${String(value)}"`;
    case 'object':
      break;
    default:
      return undefined;
  }
  if (value === null) return 'null';
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'null' : `"${value.toISOString()}"`;
  if (depth >= DEPTH_MAX) return CUT;
  if (Array.isArray(value)) return arrayText(value, depth);
  if (ArrayBuffer.isView(value)) return '"[binary]"';
  return objectText(value as Readonly<Record<string, unknown>>, depth);
}

/** {@link redactText} between quotes. */
export function quoteRedacted(text: string): string {
  return isHarmless(text) ? `"${text}"` : quote(redactText(text));
}

/** A text between quotes, with the escapes that both JSON.stringify and PostgreSQL use. */
export function quote(text: string): string {
  return isPlain(text) ? `"${text}"` : JSON.stringify(text);
}

function arrayText(values: readonly unknown[], depth: number): string {
  const items = values.slice(0, MEMBERS_MAX).map((value) => canonicalJson(value, depth + 1) ?? 'null');
  if (values.length > MEMBERS_MAX) items.push(CUT);
  return `[${items.join(', ')}]`;
}

function objectText(value: Readonly<Record<string, unknown>>, depth: number): string {
  const names = Object.keys(value);
  if (!areSorted(names)) names.sort(compareNames);
  let text = '';
  let count = 0;
  for (const name of names) {
    const label = labelOf(name);
    if (!label.isClean) return objectText(withCleanNames(value), depth);
    const member = label.isSecret ? REDACTED : canonicalJson(value[name], depth + 1);
    if (member === undefined) continue;
    text += count === 0 ? label.text + member : `, ${label.text}${member}`;
    count += 1;
    if (count === MEMBERS_MAX) break;
  }
  return `{${text}}`;
}

/** What there is to know of a member's name. */
interface Label {
  /** Between quotes, with the colon. */
  readonly text: string;
  readonly isSecret: boolean;
  readonly isClean: boolean;
}

/** Asked for every member of every event, of which there are few different ones. */
const labels = new Map<string, Label>();

function labelOf(name: string): Label {
  let label = labels.get(name);
  if (label === undefined) {
    label = { text: `${quote(name)}: `, isSecret: isSecretName(name), isClean: isAscii(name) };
    if (labels.size >= LABELS_KEPT_MAX) labels.clear();
    if (name.length <= LABEL_KEPT_LENGTH_MAX) labels.set(name, label);
  }
  return label;
}

/** Names as code has them: whatever else is in one is replaced, so that nothing can be hidden in a name. */
function withCleanNames(value: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [name.replaceAll(/[^\u0020-\u007e]/g, '?'), member]),
  );
}

function areSorted(names: readonly string[]): boolean {
  for (let i = 1; i < names.length; i += 1)
    if (compareNames(names[i - 1] ?? '', names[i] ?? '') > 0) return false;
  return true;
}

/** jsonb sorts by the number of bytes first. */
function compareNames(a: string, b: string): number {
  return a.length - b.length || (a < b ? -1 : a > b ? 1 : 0);
}

/** jsonb keeps what JavaScript prints, but for exponents, which it writes out. */
function numberText(value: number): string {
  if (!Number.isFinite(value)) return 'null';
  const text = String(value === 0 ? 0 : value);
  return text.includes('e') ? `"${text}"` : text;
}

const isAscii = (text: string): boolean => /^[\u0020-\u007e]*$/.test(text);

import type { StoredEntry } from '../chain-verifier.js';

export interface ArchivedEntry extends StoredEntry {
  readonly chain: number;
  /** The hash that it is linked to, where that is not the entry of the line before. */
  readonly previous: string | null;
}

const DETAILS = ',"details":';

/**
 * One line of an archive: a JSON object, whose last member are the details as PostgreSQL prints them, because
 * that text is what the hash covers, and reading and writing it as JSON would not give it back.
 */
export function archiveLine({ details, previous, timeMs, ...rest }: ArchivedEntry): string {
  const { chain, seq, id, actor, action, resource, hash } = rest;
  const link = previous === null ? {} : { previous };
  const occurredAt = new Date(timeMs).toISOString();
  const head = JSON.stringify({ chain, seq, id, occurredAt, actor, action, resource, ...link, hash });
  return `${head.slice(0, -1)}${DETAILS}${details}}`;
}

/** @throws SyntaxError when the line is none that {@link archiveLine} makes. */
export function parseArchiveLine(line: string): ArchivedEntry {
  // Inside a text the quotes would be escaped, so the first one is the member.
  const at = line.indexOf(DETAILS);
  if (at < 0 || !line.endsWith('}')) throw new SyntaxError('not a line of an archive');
  const head: unknown = JSON.parse(`${line.slice(0, at)}}`);
  if (!isHead(head)) throw new SyntaxError('not an entry');
  const { occurredAt, previous = null, ...rest } = head;
  return { ...rest, timeMs: Date.parse(occurredAt), previous, details: line.slice(at + DETAILS.length, -1) };
}

/** The last line: the signed record of the month. */
export const archiveSeal = (record: string): string => JSON.stringify({ record });

/** The record of the last line, null for any other. */
export function parseArchiveSeal(line: string): string | null {
  if (!line.startsWith('{"record":')) return null;
  const { record }: { record?: unknown } = JSON.parse(line) as object;
  return typeof record === 'string' ? record : null;
}

interface Head {
  readonly chain: number;
  readonly seq: number;
  readonly id: string;
  readonly occurredAt: string;
  readonly actor: string;
  readonly action: string;
  readonly resource: string;
  readonly previous?: string;
  readonly hash: string;
}

function isHead(value: unknown): value is Head {
  if (typeof value !== 'object' || value === null) return false;
  const { chain, seq, previous = '', ...texts } = value as Record<string, unknown>;
  const { id, occurredAt, actor, action, resource, hash } = texts;
  return (
    Number.isSafeInteger(chain) &&
    Number.isSafeInteger(seq) &&
    [id, occurredAt, actor, action, resource, previous, hash].every((text) => typeof text === 'string')
  );
}

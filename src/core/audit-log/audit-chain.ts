import { hash } from 'node:crypto';
import { deriveKey } from '../../common/derived-key.js';
import type { Secrets } from '../../config/index.js';
import { type AuditEntry, FIELD_SEPARATOR as S, timeOfId } from './audit-entry.js';

/** What the first link of a chain is linked to. */
export const GENESIS = '';

/** The last link of a chain: its position, from 1, and its hash in hexadecimal. */
export interface ChainHead {
  readonly seq: number;
  readonly hash: string;
}

export interface ChainedEntry extends AuditEntry {
  readonly seq: number;
  readonly timeMs: number;
  readonly hash: string;
}

/** What a link says of its row. No field holds the separator when it is written, so none can borrow from its neighbour. */
export function textOf({ id, actor, action, resource, details }: AuditEntry, timeMs: number): string {
  return `${id}${S}${String(timeMs)}${S}${actor}${S}${action}${S}${resource}${S}${details}`;
}

const PURPOSE = 'caudal audit chain v1';

/**
 * Links entries: each hash covers the one before and everything that the row says. Fields are taken as the
 * texts that the database prints: numbers in decimal, the time in milliseconds, details as jsonb's text. So
 * whoever verifies parses nothing.
 *
 * The hash is SHA-256 of the text between two copies of a key (an envelope MAC), which only the application
 * has: who has only the database can neither relink what they changed nor append a link. The key is derived
 * (HKDF, RFC 5869) from the one secret that never rotates.
 */
export class ChainLinks {
  private readonly key: string;

  constructor({ blindIndexKey }: Pick<Secrets, 'blindIndexKey'>) {
    this.key = deriveKey(blindIndexKey, PURPOSE).toString('base64url');
  }

  /** Of a row whose text is what {@link textOf} makes of it. In one expression: the whole is needed nowhere else. */
  hash(previous: string, chain: number, seq: number, text: string): string {
    const { key } = this;
    return hash('sha256', `${key}${previous}${S}${String(chain)}${S}${String(seq)}${S}${text}${key}`, 'hex');
  }

  /** The entries as the links that follow the head. */
  extend(head: ChainHead, chain: number, entries: readonly AuditEntry[]): ChainedEntry[] {
    let { seq, hash: previous } = head;
    return entries.map((entry) => {
      const { id, actor, action, resource, details } = entry;
      seq += 1;
      const timeMs = timeOfId(id);
      previous = this.hash(previous, chain, seq, textOf(entry, timeMs));
      return { id, actor, action, resource, details, seq, timeMs, hash: previous };
    });
  }
}

import { hash } from 'node:crypto';
import { deriveKey } from '../../common/derived-key.js';
import type { Secrets } from '../../config/index.js';
import { type AuditEntry, FIELD_SEPARATOR, timeOfId } from './audit-entry.js';

/** What the first link of a chain is linked to. */
export const GENESIS = '';

/** The last link of a chain: its position, from 1, and its hash in hexadecimal. */
export interface ChainHead {
  readonly seq: number;
  readonly hash: string;
}

export interface ChainedEntry extends AuditEntry {
  readonly seq: number;
  readonly hash: string;
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

  hash(previous: string, chain: number, seq: number, timeMs: number, entry: AuditEntry): string {
    return hash('sha256', this.key + textOf(previous, chain, seq, timeMs, entry) + this.key, 'hex');
  }

  /** The entries as the links that follow the head. */
  extend(head: ChainHead, chain: number, entries: readonly AuditEntry[]): ChainedEntry[] {
    let { seq, hash: previous } = head;
    return entries.map((entry) => {
      seq += 1;
      previous = this.hash(previous, chain, seq, timeOfId(entry.id), entry);
      return { ...entry, seq, hash: previous };
    });
  }
}

/** What a link covers. No field holds the separator when it is written, so none can borrow from its neighbour. */
function textOf(previous: string, chain: number, seq: number, timeMs: number, entry: AuditEntry): string {
  const S = FIELD_SEPARATOR;
  const { id, actor, action, resource, details } = entry;
  const place = previous + S + String(chain) + S + String(seq) + S + id + S + String(timeMs) + S;
  return place + actor + S + action + S + resource + S + details;
}

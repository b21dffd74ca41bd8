import { Injectable } from '@nestjs/common';
import { createHash } from 'node:crypto';
import { AppConfig } from '../../config/index.js';

const ENTRY = /^([a-z0-9-]{1,40}):([0-9a-f]{64})$/;
/** Longer than any key that is handed out; nobody may make us hash more. */
const KEY_LENGTH_MAX = 200;

/** The API keys of partners' systems, of which only the hashes are known here. */
@Injectable()
export class ApiKeys {
  private readonly names = new Map<string, string>();

  constructor({ env }: AppConfig) {
    for (const entry of env.RATE_LIMIT_API_KEYS) {
      const [, name, digest] = ENTRY.exec(entry) ?? [];
      if (name === undefined || digest === undefined)
        throw new Error('RATE_LIMIT_API_KEYS: expected entries name:sha256, the hash as 64 hex digits');
      this.names.set(digest, name);
    }
  }

  /** The name of a known key; null for any other, which counts as if none had been sent. */
  find(header: string | string[] | undefined): string | null {
    if (this.names.size === 0 || typeof header !== 'string' || header.length > KEY_LENGTH_MAX) return null;
    return this.names.get(createHash('sha256').update(header).digest('hex')) ?? null;
  }
}

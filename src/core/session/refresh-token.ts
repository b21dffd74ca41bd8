import { createHash, randomBytes } from 'node:crypto';
import { splitMark, withMark } from './session-regions.js';

const TAG_BYTES = 9;
const FAMILY_ID_BYTES = 16;
const SECRET_BYTES = 32;
/** 57 bytes are 76 characters without padding, so that each token has exactly one spelling. */
const TOKEN = /^[\w-]{76}$/;
const FAMILY_ID = /^[\w-]{22}$/;

/**
 * `[<home region>.]base64url(routing tag (9) | family id (16) | secret (32))`. The tag is a keyed hash of the
 * subject and leads to the one cluster slot of the home region that holds all of the subject's sessions there.
 */
export interface RefreshToken {
  /** The mark of the home region; empty when it bears none. */
  readonly mark: string;
  readonly tag: string;
  /** The family id, marked as the token is. */
  readonly sessionId: string;
  /** SHA-256, the only form of the secret that leaves the process towards the store. */
  readonly secretHash: Buffer;
  readonly text: string;
}

export function createRefreshToken(
  mark: string,
  tag: Buffer,
  familyId: Buffer = randomBytes(FAMILY_ID_BYTES),
): RefreshToken {
  const bytes = [tag.subarray(0, TAG_BYTES), familyId, randomBytes(SECRET_BYTES)];
  return toRefreshToken(mark, Buffer.concat(bytes));
}

/** Null when the text cannot be a token. */
export function parseRefreshToken(text: string): RefreshToken | null {
  const split = splitMark(text);
  if (split === null || !TOKEN.test(split.rest)) return null;
  return toRefreshToken(split.region, Buffer.from(split.rest, 'base64url'));
}

/** A new token of the same family. */
export function createSuccessor({ mark, text }: RefreshToken): RefreshToken {
  const bytes = Buffer.from(splitMark(text)?.rest ?? '', 'base64url');
  return createRefreshToken(mark, bytes, bytes.subarray(TAG_BYTES, TAG_BYTES + FAMILY_ID_BYTES));
}

/** A session id as it comes from outside: null for what is in no book, else the mark of its region. */
export function markOfSessionId(sessionId: string): string | null {
  const split = splitMark(sessionId);
  return split !== null && FAMILY_ID.test(split.rest) ? split.region : null;
}

/** The part of the subject's keyed hash that tokens and keys carry. */
export function encodeTag(tag: Buffer): string {
  return tag.toString('base64url', 0, TAG_BYTES);
}

function toRefreshToken(mark: string, bytes: Buffer): RefreshToken {
  const secretStart = TAG_BYTES + FAMILY_ID_BYTES;
  return {
    mark,
    tag: encodeTag(bytes),
    sessionId: withMark(mark, bytes.toString('base64url', TAG_BYTES, secretStart)),
    secretHash: createHash('sha256').update(bytes.subarray(secretStart)).digest(),
    text: withMark(mark, bytes.toString('base64url')),
  };
}

import { createHash, randomBytes } from 'node:crypto';

const TAG_BYTES = 9;
const FAMILY_ID_BYTES = 16;
const SECRET_BYTES = 32;
/** 57 bytes are 76 characters without padding, so that each token has exactly one spelling. */
const TOKEN = /^[\w-]{76}$/;

/**
 * `base64url(routing tag (9) | family id (16) | secret (32))`. The tag is a keyed hash of the subject
 * and leads to the one cluster slot that holds all of the subject's sessions.
 */
export interface RefreshToken {
  readonly tag: string;
  readonly familyId: string;
  /** SHA-256, the only form of the secret that leaves the process towards the store. */
  readonly secretHash: Buffer;
  readonly text: string;
}

export function createRefreshToken(
  tag: Buffer,
  familyId: Buffer = randomBytes(FAMILY_ID_BYTES),
): RefreshToken {
  return toRefreshToken(Buffer.concat([tag.subarray(0, TAG_BYTES), familyId, randomBytes(SECRET_BYTES)]));
}

/** Null when the text cannot be a token. */
export function parseRefreshToken(text: string): RefreshToken | null {
  return TOKEN.test(text) ? toRefreshToken(Buffer.from(text, 'base64url')) : null;
}

/** A new token of the same family. */
export function createSuccessor({ tag, familyId }: RefreshToken): RefreshToken {
  return createRefreshToken(Buffer.from(tag, 'base64url'), Buffer.from(familyId, 'base64url'));
}

/** The part of the subject's keyed hash that tokens and keys carry. */
export function encodeTag(tag: Buffer): string {
  return tag.toString('base64url', 0, TAG_BYTES);
}

function toRefreshToken(bytes: Buffer): RefreshToken {
  const secretStart = TAG_BYTES + FAMILY_ID_BYTES;
  return {
    tag: encodeTag(bytes),
    familyId: bytes.toString('base64url', TAG_BYTES, secretStart),
    secretHash: createHash('sha256').update(bytes.subarray(secretStart)).digest(),
    text: bytes.toString('base64url'),
  };
}

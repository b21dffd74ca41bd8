/**
 * Every Redis key of the product: `caudal:<area>:<kind>:{<tag>}`. The tag in braces decides the
 * cluster slot, so keys that one script touches share it.
 */
export const redisKeys = {
  /** String, the present epoch of the admission notes (a UUID). */
  admissionEpoch: (): string => 'caudal:admission:epoch:{admission}',
  /** String, exists while the key of a request may have an admitted order (24 h). */
  admissionNote: (digest: string): string => `caudal:admission:note:{admission}:${digest}`,
  /** String, exists while a variant was just seen sold out (under a second). */
  soldOut: (variantId: string): string => `caudal:admission:sold-out:{admission}:${variantId}`,
  /** String, WAL position of a principal's last write (seconds). */
  writePosition: (principalId: string): string => `caudal:consistency:write:{${principalId}}`,
  /** Stream of the outbox events. */
  events: (): string => 'caudal:events:stream:{events}',
  /** String, one cached answer of the catalogue (CACHE_TTL_SECONDS). */
  cacheEntry: (digest: string): string => `caudal:cache:entry:{${digest}}`,
  /** Hash, one refresh-token family of a user. */
  sessionFamily: (tag: string, familyId: string): string => `caudal:session:family:{${tag}}:${familyId}`,
  /** Sorted set, the families of a user by expiry. */
  sessionIndex: (tag: string): string => `caudal:session:index:{${tag}}`,
} as const;

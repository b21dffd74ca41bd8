import { v7 } from 'uuid';

const UUID_PATTERN = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i;

/** A new UUIDv7 (RFC 9562): sortable by its creation in milliseconds, unguessable in its last 62 bits. */
export function newId(): string {
  return v7();
}

export function isUuid(value: string): boolean {
  return UUID_PATTERN.test(value);
}

/**
 * The form under which an address is stored and found: compatibility characters folded (NFKC), without
 * surrounding space, in lower case. RFC 5321 allows case to matter in the local part; no provider of
 * note lets it, and two accounts that differ only in case would be a trap.
 */
export function normalizeEmail(email: string): string {
  return email.normalize('NFKC').trim().toLowerCase();
}

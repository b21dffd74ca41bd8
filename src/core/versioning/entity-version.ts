import { Problem } from '../../common/problem.js';

/** The ETag of a resource that counts its versions: `"v7"`. */
export function etagOfVersion(version: number): string {
  return `"v${String(version)}"`;
}

/**
 * The version that a write was decided on, from its If-Match.
 * @throws Problem PRECONDITION_REQUIRED when the field is missing, PRECONDITION_FAILED when it names no version of ours.
 */
export function requireIfMatch(header: string | undefined): number {
  if (header === undefined || header === '') throw new Problem('PRECONDITION_REQUIRED');
  const version = findIfMatch(header);
  if (version === null) throw new Problem('PRECONDITION_FAILED');
  return version;
}

/** The version named by If-Match; null when the field is missing. @throws Problem PRECONDITION_FAILED when it is not one of ours. */
export function findIfMatch(header: string | undefined): number | null {
  if (header === undefined || header === '') return null;
  const match = /^"v(\d{1,9})"$/.exec(header.trim());
  if (match?.[1] === undefined) throw new Problem('PRECONDITION_FAILED');
  return Number(match[1]);
}

const MEBIBYTE = 1024 * 1024;
/** Buffers, sockets, code and threads lie outside of the heap. */
const OLD_SPACE_SHARE_MAX = 0.75;
/** What V8 reckons on top of --max-old-space-size for young objects (Node 24, any size: measured). */
const YOUNG_SPACE_BYTES = 192 * MEBIBYTE;
/** The older kernels say "no limit" with a number close to 2^63. */
const UNLIMITED_BYTES = 2 ** 50;

/**
 * Why a process with this heap would be killed by the memory limit before V8 collects; null when it fits or
 * there is no limit. Both in bytes; `limitBytes` is 0 or huge when the kernel knows of none.
 */
export function heapProblem(heapBytes: number, limitBytes: number): string | null {
  if (limitBytes === 0 || limitBytes > UNLIMITED_BYTES) return null;
  if (heapBytes <= limitBytes * OLD_SPACE_SHARE_MAX + YOUNG_SPACE_BYTES) return null;
  const mebibytes = (bytes: number) => String(Math.floor(bytes / MEBIBYTE));
  return (
    `the heap may grow to ${mebibytes(heapBytes)} MiB of a memory limit of ${mebibytes(limitBytes)} MiB: ` +
    `set --max-old-space-size in NODE_OPTIONS to at most ${mebibytes(limitBytes * OLD_SPACE_SHARE_MAX)}`
  );
}

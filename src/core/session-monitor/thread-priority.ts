import { readlinkSync } from 'node:fs';
import { getPriority, setPriority } from 'node:os';

/**
 * Lowers the scheduling priority of the calling thread, and of no other one of the process: Linux keeps a nice
 * value for each thread, where POSIX has one for the process (setpriority(2), "C library/kernel differences").
 * Elsewhere, and where /proc is another namespace's or missing, nothing happens.
 *
 * @param nice 0 to 19; a thread that is as nice already stays as it is
 * @returns whether the thread is as nice as it was asked to be
 */
export function lowerThreadPriority(nice: number): boolean {
  try {
    const [processId, , threadId] = readlinkSync('/proc/thread-self').split('/').map(Number);
    // The thread whose id is that of the process is the main thread, which answers requests.
    if (processId !== process.pid || threadId === undefined || threadId === processId) return false;
    if (getPriority(threadId) < nice) setPriority(threadId, nice);
    return true;
  } catch {
    return false;
  }
}

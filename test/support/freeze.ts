import { execFileSync } from 'node:child_process';

/**
 * Stops a server with all its children, or lets them go on: PostgreSQL answers from a process of its own
 * for each connection, which would outlive the stop of the postmaster alone.
 */
export function signalFamily(pid: number, signal: 'SIGSTOP' | 'SIGCONT'): void {
  const family = [pid, ...childrenOf(pid)];
  for (const each of family) {
    try {
      process.kill(each, signal);
    } catch {
      // A child that has ended meanwhile needs no signal.
    }
  }
}

function childrenOf(parent: number): number[] {
  return execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' })
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
    .flatMap(([pid, ppid]) => (ppid === parent && pid !== undefined ? [pid] : []));
}

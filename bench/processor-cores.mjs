// The server gets one core to itself; the load generator, PostgreSQL and Redis share the others.
// So a ratio compares what the servers cost and not who wins the scheduler.
import { execFileSync } from 'node:child_process';
import { availableParallelism } from 'node:os';

/**
 * @typedef {object} CorePlan
 * @property {string | null} server list of cores for taskset; null when nothing can be pinned
 * @property {string | null} others
 * @property {string} description for the report
 */

/** @returns {CorePlan} */
export function planCores() {
  const cores = availableParallelism();
  if (cores < 2 || !hasTaskset()) {
    return { server: null, others: null, description: 'not pinned (needs taskset and two cores)' };
  }
  const others = cores === 2 ? '1' : `1-${String(cores - 1)}`;
  return {
    server: '0',
    others,
    description: `server on core 0, load generator, PostgreSQL and Redis on core ${others}`,
  };
}

/**
 * Moves this process off the server's core. What it starts later inherits that, so it must run
 * before the services start.
 *
 * @param {CorePlan} plan
 */
export function leaveServerCore({ others }) {
  if (others) execFileSync('taskset', ['-a', '-c', '-p', others, String(process.pid)], { stdio: 'ignore' });
}

/**
 * @param {CorePlan} plan
 * @param {string[]} command
 * @returns {string[]} the command, bound to the server's core
 */
export function onServerCore({ server }, command) {
  return server ? ['taskset', '-c', server, ...command] : command;
}

function hasTaskset() {
  try {
    execFileSync('taskset', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

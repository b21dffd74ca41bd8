// @ts-check
import { pause, until } from '../cache.mjs';
import { runHostScript } from './host-script.mjs';
import { startBuyers } from './persistent-buyers.mjs';
import { SERVERS, sql } from './postgres-servers.mjs';

const WRITES_BACK_SECONDS = 15;
const LOAD_MS = 4_000;

/**
 * The primary of PostgreSQL is killed under load and deployment/scripts/failover.sh puts a replica in its place; then the old
 * one joins again, and a planned switchover goes back to it. No acknowledged order may be missing after either.
 *
 * @param {import('./stage.mjs').Stage} stage
 */
export async function rehearseFailovers({ rehearsal, project, env, client, shop }) {
  const { say, goal, signal } = rehearsal;
  const failover = (/** @type {string[]} */ ...args) => runHostScript(project, env, 'failover.sh', args);
  const writerOf = async () => {
    for (const server of SERVERS) {
      const inRecovery = await sql(project, server, 'SELECT pg_is_in_recovery()').catch(() => 't');
      if (inRecovery === 'f') return server;
    }
    return 'none';
  };
  /** @param {readonly { id: string }[]} taken @param {string} server */
  const missing = async (taken, server) => {
    const stored = new Set((await sql(project, server, 'SELECT id FROM orders')).split('\n'));
    return taken.filter(({ id }) => !stored.has(id)).length;
  };

  const refusal = await failover();
  goal(
    refusal.code === 1 && /is well/.test(refusal.lastError),
    `while the primary is well: ${refusal.lastError}`,
  );

  /** @param {string} what @param {() => Promise<unknown>} prepare @param {string[]} args */
  const change = async (what, prepare, args) => {
    say(what);
    const old = await writerOf();
    const buyers = startBuyers(client, shop, signal);
    await pause(LOAD_MS);
    await prepare();
    const startedMs = performance.now();
    const { code, seconds } = await failover(...args);
    const first = await until('an order after the failover', 60_000, () =>
      buyers.taken.find((order) => order.startedMs > startedMs && order.takenMs > startedMs + 200),
    );
    await pause(LOAD_MS);
    const { line, givenUp } = await buyers.stop();
    say(line);
    const writer = await writerOf();
    goal(
      code === 0 && writer !== old && writer !== 'none',
      `${what}: ${old} -> ${writer}, exit code ${String(code)} after ${seconds.toFixed(1)} s`,
    );
    const { longestMs, fromMs } = gapOf(buyers.taken);
    const backSeconds = (fromMs + longestMs - startedMs) / 1_000;
    say(
      `no order was taken for ${(longestMs / 1_000).toFixed(1)} s; the first after it is of ${((first.takenMs - startedMs) / 1_000).toFixed(1)} s`,
    );
    goal(
      backSeconds <= WRITES_BACK_SECONDS,
      `writes back ${backSeconds.toFixed(1)} s after the start of failover.sh (at most ${String(WRITES_BACK_SECONDS)})`,
    );
    const lost = await missing(buyers.taken, writer);
    goal(
      lost === 0 && givenUp === 0,
      `${String(lost)} of ${String(buyers.taken.length)} acknowledged orders missing, ${String(givenUp)} given up`,
    );
    return { old, writer };
  };

  const { old } = await change(
    'the primary is killed with -9',
    async () => {
      await project.docker('kill', '--signal', 'KILL', await project.containerOf(await writerOf()));
    },
    [],
  );
  await project.docker('start', await project.containerOf(old));
  const fenced = await until(
    'the old primary',
    60_000,
    () => sql(project, old, 'SELECT pg_is_in_recovery()'),
    500,
  );
  goal(fenced === 't', 'the old primary, started by mistake, is no primary');
  const joined = await failover('--rejoin', old);
  goal(joined.code === 0, `it is a replica again after ${joined.seconds.toFixed(1)} s`);

  await change('a planned switchover', () => Promise.resolve(), ['--force', '--to', old]);
  await project.up();
  const order = await client.placeOrder(shop);
  goal(order.status === 201, '`docker compose up` leaves all of it as it is, and an order is taken');
}

/** The longest time between two acknowledged orders. @param {readonly { takenMs: number }[]} taken */
function gapOf(taken) {
  const times = taken.map(({ takenMs }) => takenMs).sort((a, b) => a - b);
  let longestMs = 0;
  let fromMs = 0;
  for (let index = 1; index < times.length; index += 1) {
    const gapMs = (times[index] ?? 0) - (times[index - 1] ?? 0);
    if (gapMs > longestMs) [longestMs, fromMs] = [gapMs, times[index - 1] ?? 0];
  }
  return { longestMs, fromMs };
}

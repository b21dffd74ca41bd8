// Goal A3: what the audit log has acknowledged is in PostgreSQL once, whoever is killed meanwhile. Producers
// and sinks are processes of their own on one real Redis and one real PostgreSQL; each round some of them are
// killed (kill -9), or a sink is frozen for so long that another one takes its streams over, at a moment that
// the seed chooses. The servers can be killed as well. At the end the rows are counted, and `audit:verify`
// follows the chains. Needs what is built in dist/.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';

const MEMBER = fileURLToPath(new URL('sections/processes/audit-member.mjs', import.meta.url));
const VERIFIER = fileURLToPath(new URL('../../dist/audit-verify.js', import.meta.url));
const PRODUCERS = 2;
const SINKS = 2;
const TAKEOVER_MS = 400;
/** A round that has not ended by then never will. */
const ROUND_WITHIN_MS = 60_000;

/**
 * @typedef {object} Server one that may be killed. It must keep whatever it has answered for: a Redis with
 *   `appendfsync always`, for with `everysec` up to two seconds are in its memory while the disk is busy
 * @property {() => void} kill
 * @property {() => Promise<void>} restart
 */

/**
 * @typedef {object} KillRounds
 * @property {string} databaseUrl migrated and without audit entries
 * @property {string} redisUrl
 * @property {string} directory for spools and checkpoints
 * @property {Record<string, string>} env the rest of the settings: secrets above all
 * @property {number} rounds
 * @property {number} events in all rounds together
 * @property {() => number} random from 0 to 1, the same for the same seed
 * @property {readonly Server[]} [servers] killed in about every third round, one at a time
 */

/**
 * @typedef {object} KillOutcome
 * @property {number} acknowledged
 * @property {number} lost acknowledged and not in the table
 * @property {number} duplicated in the table more than once
 * @property {number} misplaced behind a later entry of the same resource
 * @property {Record<'producer' | 'sink' | 'frozen' | 'server', number>} faults
 * @property {boolean} isIntact what `audit:verify` says of the chains
 * @property {string} report and its words
 */

/**
 * @param {KillRounds} options
 * @returns {Promise<KillOutcome>}
 */
export async function runKillRounds(options) {
  const { rounds, events, random, servers = [], directory } = options;
  const faults = { producer: 0, sink: 0, frozen: 0, server: 0 };
  const env = {
    ...options.env,
    PATH: process.env['PATH'],
    DATABASE_URL: options.databaseUrl,
    REDIS_URL: options.redisUrl,
    REDIS_ALLOW_UNSAFE_SETTINGS: 'true',
    LOG_LEVEL: 'silent',
    AUDIT_PARTITIONS: '3',
    AUDIT_TAKEOVER_MS: String(TAKEOVER_MS),
    AUDIT_CHECKPOINT_DIR: join(directory, 'checkpoints'),
    AUDIT_CHECKPOINT_INTERVAL_MS: '20',
  };
  mkdirSync(directory, { recursive: true });
  const database = new pg.Pool({ connectionString: options.databaseUrl, max: 1 });
  database.on('error', () => undefined);
  const producers = Array.from(
    { length: PRODUCERS },
    (_, index) => new Producer(String(index), env, directory),
  );
  const sinks = Array.from({ length: SINKS }, () => new Member(['sink'], env));
  const everybody = [...producers, ...sinks];
  try {
    for (const member of everybody) member.start();
    const perRound = Math.ceil(events / rounds / PRODUCERS);
    for (let round = 1; round <= rounds; round += 1) {
      for (const producer of producers) producer.demand(perRound);
      const before = sum(producers, ({ acknowledged }) => acknowledged);
      const moment = before + Math.floor(random() * 0.9 * perRound * PRODUCERS);
      await until(
        'the moment of the fault',
        () => sum(producers, ({ acknowledged }) => acknowledged) >= moment,
      );
      await sleep(random() * 30);

      const victims = everybody.filter(() => random() < 0.3);
      if (victims.length === 0) victims.push(at(everybody, random()));
      /** @type {Member[]} */
      const frozen = [];
      for (const victim of victims) {
        if (!(victim instanceof Producer) && random() < 0.3) {
          victim.signal('SIGSTOP');
          frozen.push(victim);
          faults.frozen += 1;
        } else {
          victim.signal('SIGKILL');
          faults[victim instanceof Producer ? 'producer' : 'sink'] += 1;
        }
      }
      const server = random() < 0.34 && servers.length > 0 ? at(servers, random()) : null;
      if (server !== null) {
        server.kill();
        faults.server += 1;
        await sleep(random() * 300);
        await server.restart();
      }
      for (const victim of victims) if (!frozen.includes(victim)) await victim.restart();
      if (frozen.length > 0) await sleep(TAKEOVER_MS * (0.5 + 2 * random()));
      for (const victim of frozen) victim.signal('SIGCONT');
      await until('the events of the round', () => producers.every((producer) => producer.isDone));
    }
    const keys = producers.flatMap((producer) => [...producer.keys]);
    /** @type {Map<string, number>} */
    let stored = new Map();
    await until('the acknowledged events in PostgreSQL', async () => {
      stored = await countByKey(database);
      return keys.every((key) => stored.has(key));
    }).catch(() => undefined);
    // Once they are all there: what a producer that stops has on its disk is for the next one to start.
    for (const member of everybody) await member.stop();
    const misplaced = await countMisplaced(database);
    const { code, report } = await verify(env);
    return {
      acknowledged: keys.length,
      lost: keys.filter((key) => !stored.has(key)).length,
      duplicated: [...(await countByKey(database)).values()].filter((count) => count > 1).length,
      misplaced,
      faults,
      isIntact: code === 0,
      report,
    };
  } catch (error) {
    const errors = everybody.map((member) => member.errors).filter((text) => text !== '');
    throw errors.length === 0 ? error : new Error(errors.join('\n'), { cause: error });
  } finally {
    await Promise.all(everybody.map((member) => member.end()));
    await database.end();
  }
}

/** A process that is started again after it was killed. */
class Member {
  /** @type {import('node:child_process').ChildProcessWithoutNullStreams | null} */
  child = null;
  errors = '';

  /**
   * @param {readonly string[]} args
   * @param {NodeJS.ProcessEnv} env
   */
  constructor(args, env) {
    this.args = args;
    this.env = env;
  }

  start() {
    const child = spawn(process.execPath, [MEMBER, ...this.args], { env: this.env });
    this.child = child;
    const kill = () => child.kill('SIGKILL');
    process.once('exit', kill);
    child.once('exit', () => process.off('exit', kill));
    child.stderr.on('data', (chunk) => {
      this.errors = (this.errors + String(chunk)).slice(-2000);
    });
    // Writing to one that was just killed fails; whatever it had to do is asked of its successor.
    child.stdin.on('error', () => undefined);
    return child;
  }

  /** @param {NodeJS.Signals} name */
  signal(name) {
    this.child?.kill(name);
  }

  async restart() {
    await this.end();
    this.start();
  }

  /** Lets it end what it has in hand. */
  async stop() {
    const { child } = this;
    if (child === null || child.exitCode !== null) return;
    const exit = once(child, 'exit');
    child.kill('SIGTERM');
    await exit;
  }

  async end() {
    const { child } = this;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, 'exit');
    child.kill('SIGKILL');
    await exit;
  }
}

class Producer extends Member {
  /** Of every event that was acknowledged to any of its processes. @type {Set<string>} */
  keys = new Set();
  runs = 0;
  wanted = 0;

  /**
   * @param {string} name
   * @param {NodeJS.ProcessEnv} env
   * @param {string} directory
   */
  constructor(name, env, directory) {
    super(['produce'], { ...env, AUDIT_SPOOL_DIR: join(directory, `spool-${name}`) });
    this.name = name;
  }

  get acknowledged() {
    return this.keys.size;
  }

  get isDone() {
    return this.acknowledged >= this.wanted;
  }

  /** @override */
  start() {
    this.runs += 1;
    const run = `${this.name}-${String(this.runs)}`;
    this.args = ['produce', run];
    const child = super.start();
    createInterface({ input: child.stdout }).on('line', (line) => {
      const end = line.indexOf(';');
      // A line that was cut off by the kill may end in half a number.
      if (end === -1) return;
      for (const n of line.slice(0, end).split(' ')) if (n !== '') this.keys.add(`${run}.${n}`);
    });
    this.ask(this.wanted - this.acknowledged);
    return child;
  }

  /** @param {number} count */
  demand(count) {
    const missing = this.wanted - this.acknowledged;
    this.wanted += count;
    this.ask(count + Math.min(0, missing));
  }

  /** @param {number} count */
  ask(count) {
    if (count > 0) this.child?.stdin.write(`${String(count)}\n`);
  }
}

/**
 * @param {pg.Pool} database
 * @returns {Promise<Map<string, number>>}
 */
async function countByKey(database) {
  const { rows } = await database.query(
    "SELECT details ->> 'requestId' AS key, count(*)::integer AS count FROM audit_entries GROUP BY 1",
  );
  return new Map(rows.map((/** @type {{ key: string, count: number }} */ { key, count }) => [key, count]));
}

/** @param {pg.Pool} database */
async function countMisplaced(database) {
  const { rows } = await database.query(
    `SELECT count(*)::integer AS count FROM (
       SELECT (details #>> '{after,n}')::integer AS n,
         lag((details #>> '{after,n}')::integer) OVER (PARTITION BY resource ORDER BY chain, seq) AS previous
       FROM audit_entries) AS entries WHERE n < previous`,
  );
  return /** @type {{ count: number }[]} */ (rows)[0]?.count ?? NaN;
}

/**
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<{ code: number | null, report: string }>}
 */
async function verify(env) {
  const child = spawn(process.execPath, [VERIFIER], { env });
  let report = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk) => {
      report += String(chunk);
    });
  await once(child, 'exit');
  return { code: child.exitCode, report };
}

/**
 * @param {string} what
 * @param {() => boolean | Promise<boolean>} holds
 */
async function until(what, holds) {
  const endMs = performance.now() + ROUND_WITHIN_MS;
  while (!(await holds())) {
    if (performance.now() > endMs) throw new Error(`waited in vain for ${what}`);
    await sleep(20);
  }
}

/**
 * @template T
 * @param {readonly T[]} items
 * @param {number} share from 0 to 1
 * @returns {T}
 */
function at(items, share) {
  const item = items[Math.floor(share * items.length)];
  if (item === undefined) throw new Error('nothing to choose from');
  return item;
}

/**
 * @template T
 * @param {readonly T[]} items
 * @param {(item: T) => number} of
 */
function sum(items, of) {
  return items.reduce((total, item) => total + of(item), 0);
}

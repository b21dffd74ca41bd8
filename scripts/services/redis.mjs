// @ts-check
import { mkdirSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findFreePort } from './ports.mjs';
import {
  isSameProcessAlive,
  readProcessRecords,
  removeProcessRecord,
  stopProcess,
} from './process-records.mjs';
import { findRedisServer } from './redis-server.mjs';
import { startServiceProcess } from './service-process.mjs';
import { StartError } from './start-error.mjs';

/**
 * @typedef {object} Redis
 * @property {string} url
 * @property {number} port
 * @property {number} pid Of the running server, or of the last one.
 * @property {() => Promise<{ code: number | null, signal: NodeJS.Signals | null }>} waitForExit
 * @property {() => string} lastLogLines
 * @property {(signal?: NodeJS.Signals) => void} kill Sends a signal (SIGKILL by default; SIGSTOP makes it hang, SIGCONT go on).
 * @property {() => Promise<void>} stop
 * @property {() => Promise<void>} restart Stops it if it runs, and starts it on the same port and directory.
 */

/**
 * Starts a Redis or Valkey server on loopback. It never evicts: limits, sessions, streams and queues
 * live in it. A server that an earlier, killed start left in the same directory is stopped first.
 *
 * @param {object} options
 * @param {string} options.dir
 * @param {number} [options.port] Any free one when absent.
 * @param {boolean} [options.persistent] True keeps an append-only file in `dir`, false keeps nothing.
 * @param {Record<string, string>} [options.settings] As in redis.conf; wins over everything else.
 * @param {import('./redis-server.mjs').RedisServer} [options.server] From findRedisServer, to save the search.
 * @param {string} [options.name]
 * @param {string} [options.runDir]
 * @param {(line: string) => void} [options.log]
 * @returns {Promise<Redis>}
 */
export async function startRedis(options) {
  const { dir, name = 'redis', log = () => {} } = options;
  const runDir = options.runDir ?? join(dir, 'run');
  mkdirSync(dir, { recursive: true });
  await stopEarlierServer(runDir, name, log);
  const server = options.server ?? (await findRedisServer({ log }));
  for (let attempt = 1; ; attempt += 1) {
    const port = options.port ?? (await findFreePort());
    try {
      return await startOn(port, { ...options, name, runDir, server });
    } catch (error) {
      // Another process may take a free port first; one that the caller chose is the caller's to change.
      const detail = error instanceof StartError ? error.detail : '';
      if (options.port !== undefined || attempt === 5 || !/address already in use/i.test(detail)) throw error;
    }
  }
}

/**
 * @param {number} port
 * @param {Parameters<typeof startRedis>[0] & { name: string, runDir: string, server: import('./redis-server.mjs').RedisServer }} options
 * @returns {Promise<Redis>}
 */
async function startOn(port, { dir, name, runDir, server, persistent = false, settings = {} }) {
  const configuration = {
    port: String(port),
    bind: server.kind === 'container' ? '0.0.0.0' : '127.0.0.1',
    'protected-mode': server.kind === 'container' ? 'no' : 'yes',
    dir,
    daemonize: 'no',
    save: '',
    appendonly: persistent ? 'yes' : 'no',
    appendfsync: 'everysec',
    'maxmemory-policy': 'noeviction',
    // A session's record has up to 150 bytes; beyond this a user's book takes half as much again.
    'hash-max-listpack-value': '256',
    ...settings,
  };
  const flags = Object.entries(configuration).flatMap(([key, value]) => [`--${key}`, value]);
  const start = async () => {
    const running = await startServiceProcess({
      name,
      command: server.command,
      args: server.kind === 'container' ? containerArguments(server.image, port, dir, flags) : flags,
      cwd: dir,
      logFile: join(dir, `${name}.log`),
      runDir,
      order: 20,
    });
    await waitUntilReady(running, port, server.kind === 'binary');
    return running;
  };
  let running = await start();
  return {
    url: `redis://127.0.0.1:${String(port)}`,
    port,
    get pid() {
      return running.pid;
    },
    waitForExit: () => running.waitForExit(),
    lastLogLines: () => running.lastLogLines(),
    kill: (signal) => {
      running.kill(signal);
    },
    stop: async () => {
      await running.stop();
    },
    restart: async () => {
      await running.stop();
      running = await start();
    },
  };
}

/**
 * @param {string} runDir
 * @param {string} name
 * @param {(line: string) => void} log
 */
async function stopEarlierServer(runDir, name, log) {
  const record = readProcessRecords(runDir).find((known) => known.name === name);
  if (record === undefined) return;
  if (isSameProcessAlive(record)) {
    if (isSameProcessAlive(record.owner)) {
      throw new StartError(
        `${name} (pid ${String(record.pid)}) is in use by process ${String(record.owner.pid)}: stop that first`,
      );
    }
    log(`stopping ${name} (pid ${String(record.pid)}), left behind by a start that was killed`);
    await stopProcess(record);
  }
  removeProcessRecord(runDir, name, record.pid);
}

/**
 * @param {import('./service-process.mjs').ServiceProcess} running
 * @param {number} port
 * @param {boolean} pidIsKnown
 */
async function waitUntilReady(running, port, pidIsKnown) {
  const deadline = Date.now() + 30_000;
  while (!(await answers(port, pidIsKnown ? running.pid : null))) {
    if (running.hasExited()) {
      throw new StartError(`Redis stopped while starting on port ${String(port)}`, {
        detail: running.lastLogLines(),
      });
    }
    if (Date.now() > deadline) {
      await running.stop();
      throw new StartError(`Redis on port ${String(port)} was not ready after 30 s`, {
        detail: running.lastLogLines(),
      });
    }
    await sleep(5);
  }
}

/**
 * Asks for the server's process id and not only for a PONG, because a stranger may listen on the port.
 * While it loads its data the server answers neither.
 *
 * @param {number} port
 * @param {number | null} pid
 * @returns {Promise<boolean>}
 */
function answers(port, pid) {
  return new Promise((resolve) => {
    let reply = '';
    const socket = connect(port, '127.0.0.1');
    const finish = (/** @type {boolean} */ result) => {
      socket.destroy();
      resolve(result);
    };
    socket.setTimeout(1_000, () => {
      finish(false);
    });
    socket.once('error', () => {
      finish(false);
    });
    socket.once('close', () => {
      finish(false);
    });
    socket.once('connect', () => socket.write('PING\r\nINFO server\r\n'));
    socket.on('data', (chunk) => {
      reply += chunk.toString('latin1');
      if (!reply.startsWith('+PONG')) {
        if (reply.includes('\r\n')) finish(false);
        return;
      }
      const known = /process_id:(\d+)\r\n/.exec(reply);
      if (known !== null) finish(pid === null || Number(known[1]) === pid);
    });
  });
}

/**
 * @param {string} image
 * @param {number} port
 * @param {string} dir
 * @param {string[]} flags
 */
function containerArguments(image, port, dir, flags) {
  const program = image.startsWith('valkey/') ? 'valkey-server' : 'redis-server';
  return [
    'run',
    '--rm',
    '--init',
    '-p',
    `127.0.0.1:${String(port)}:${String(port)}`,
    '-v',
    `${dir}:${dir}`,
    image,
    program,
    ...flags,
  ];
}

// @ts-check
import { join, resolve } from 'node:path';
import { PROJECT } from '../setup/project.mjs';
import { StartError } from '../services/start-error.mjs';

export const USAGE = `npm start [-- --instances N] [-- --verbose]

  --instances N   run N application processes on consecutive ports (1)
  --verbose       show every log line of the application, not only warnings and errors

Environment: PORT (3000), MANAGEMENT_PORT (9464), DATA_DIR (.caudal), ROLE (all), TRUST_PROXY_HOPS (0),
DATABASE_URL, DATABASE_REPLICA_URLS, REDIS_URL, REDIS_RATE_LIMIT_URL, REDIS_SESSION_URL: use these servers
instead of starting some; ADMIN_EMAIL, ADMIN_PASSWORD: the first administrator.
Everything else in docs/configuration.md is passed on to the application.
`;

/**
 * @typedef {object} StartOptions
 * @property {number} instances
 * @property {boolean} verbose
 * @property {string} dataDir
 * @property {number} port
 * @property {number} managementPort
 * @property {string} role
 * @property {string | undefined} databaseUrl
 * @property {string[]} databaseReplicaUrls
 * @property {string | undefined} redisUrl
 * @property {number} poolSize Connections of one process, write and read pool together.
 * @property {string} adminEmail
 * @property {string | undefined} adminPassword
 */

/**
 * Reads and checks everything that can be checked without touching the machine.
 *
 * @param {string[]} args
 * @param {NodeJS.ProcessEnv} env
 * @returns {StartOptions}
 * @throws {StartError} naming the first value that cannot be used
 */
export function readOptions(args, env) {
  const { instances, verbose } = readArguments(args);
  const port = readInteger(env, 'PORT', 3000, 1, 65_535);
  const managementPort = readInteger(env, 'MANAGEMENT_PORT', 9464, 1, 65_535);
  for (const [name, first] of /** @type {const} */ ([
    ['PORT', port],
    ['MANAGEMENT_PORT', managementPort],
  ])) {
    if (first + instances - 1 > 65_535) {
      throw new StartError(
        `${name}=${String(first)} leaves no room for ${String(instances)} consecutive ports`,
      );
    }
  }
  if (Math.abs(port - managementPort) < instances) {
    throw new StartError(
      `PORT=${String(port)} and MANAGEMENT_PORT=${String(managementPort)} overlap: each needs ${String(instances)} consecutive port(s)`,
    );
  }
  readInteger(env, 'TRUST_PROXY_HOPS', 0, 0, 10);
  const writePool = readInteger(env, 'DATABASE_WRITE_POOL_SIZE', 40, 1, 200);
  const readPool = readInteger(env, 'DATABASE_READ_POOL_SIZE', 60, 1, 200);
  const connectionLimit = readInteger(env, 'DATABASE_CONNECTION_LIMIT', 100, 2, 400);

  const role = env['ROLE'] || 'all';
  if (!['all', 'api', 'worker'].includes(role))
    throw new StartError(`ROLE=${role} is not one of all, api, worker`);
  const adminEmail = env['ADMIN_EMAIL'] || 'admin@caudal.test';
  if (!/^[^@\s]+@[^@\s]+$/.test(adminEmail))
    throw new StartError(`ADMIN_EMAIL=${adminEmail} is no e-mail address`);

  const databaseUrl = readUrl(env, 'DATABASE_URL', ['postgres:', 'postgresql:']);
  const databaseReplicaUrls = (env['DATABASE_REPLICA_URLS'] ?? '')
    .split(',')
    .map((url) => url.trim())
    .filter(Boolean);
  for (const url of databaseReplicaUrls) checkUrl('DATABASE_REPLICA_URLS', url, ['postgres:', 'postgresql:']);
  if (databaseUrl === undefined && databaseReplicaUrls.length > 0) {
    throw new StartError('DATABASE_REPLICA_URLS needs DATABASE_URL: replicas of which server?');
  }
  for (const name of ['REDIS_RATE_LIMIT_URL', 'REDIS_SESSION_URL', 'REDIS_CACHE_URL'])
    readRedisUrl(env, name);
  return {
    instances,
    verbose,
    dataDir: env['DATA_DIR'] ? resolve(env['DATA_DIR']) : join(PROJECT, '.caudal'),
    port,
    managementPort,
    role,
    databaseUrl,
    databaseReplicaUrls,
    redisUrl: readRedisUrl(env, 'REDIS_URL'),
    poolSize: Math.min(writePool + readPool, connectionLimit),
    adminEmail,
    adminPassword: env['ADMIN_PASSWORD'] || undefined,
  };
}

/**
 * Several hosts are no URL to the platform: the application reads the rest and says what is wrong with it.
 *
 * @param {NodeJS.ProcessEnv} env
 * @param {string} name
 */
function readRedisUrl(env, name) {
  const text = env[name];
  if (text === undefined || /^rediss?\+(sentinel|cluster):\/\/./.test(text)) return text || undefined;
  return readUrl(env, name, ['redis:', 'rediss:']);
}

/** @param {string[]} args */
function readArguments(args) {
  let instances = 1;
  let verbose = false;
  for (let index = 0; index < args.length; index += 1) {
    const [flag = '', inline] = (args[index] ?? '').split('=', 2);
    if (flag === '--verbose') verbose = true;
    else if (flag === '--instances') {
      const value = inline ?? args[(index += 1)] ?? '';
      instances = toInteger('--instances', value, 1, 32);
    } else throw new StartError(`unknown option ${flag}: see npm start -- --help`);
  }
  return { instances, verbose };
}

/**
 * @param {NodeJS.ProcessEnv} env
 * @param {string} name
 * @param {number} fallback
 * @param {number} min
 * @param {number} max
 */
function readInteger(env, name, fallback, min, max) {
  const text = env[name];
  return text === undefined || text === '' ? fallback : toInteger(name, text, min, max);
}

/**
 * @param {string} name
 * @param {string} text
 * @param {number} min
 * @param {number} max
 */
function toInteger(name, text, min, max) {
  const value = Number(text);
  if (text.trim() === '' || !Number.isInteger(value) || value < min || value > max) {
    throw new StartError(`${name}=${text} is not a whole number from ${String(min)} to ${String(max)}`);
  }
  return value;
}

/**
 * @param {NodeJS.ProcessEnv} env
 * @param {string} name
 * @param {string[]} protocols
 */
function readUrl(env, name, protocols) {
  const text = env[name];
  if (text === undefined || text === '') return undefined;
  checkUrl(name, text, protocols);
  return text;
}

/**
 * @param {string} name
 * @param {string} text
 * @param {string[]} protocols
 */
function checkUrl(name, text, protocols) {
  // The value may hold a password, so the message does not repeat it.
  if (!URL.canParse(text) || !protocols.includes(new URL(text).protocol)) {
    throw new StartError(
      `${name} is not a URL starting with ${protocols.map((protocol) => `${protocol}//`).join(' or ')}`,
    );
  }
}

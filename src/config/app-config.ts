import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { cleanEnv, type CleanedEnv } from 'envalid';
import { isCurrencyCode } from '../common/money.js';
import { expandPostgresHosts } from '../common/postgres-hosts.js';
import { ENVIRONMENT } from './environment.js';
import { parseRedisUrl } from './redis-url.js';
import { parseRegionUrls } from './region-urls.js';

/** Settings that cannot be used; the message has one line for each. */
export class ConfigurationError extends Error {
  constructor(readonly problems: readonly string[]) {
    super(problems.join('\n'));
    this.name = 'ConfigurationError';
  }
}

export interface FieldKey {
  readonly id: string;
  readonly key: Buffer;
}

/** Secrets after reading their files; never logged. */
export interface Secrets {
  readonly jwtPrivateKeyPem: string;
  readonly jwtPreviousPublicKeyPems: readonly string[];
  /** The first encrypts; every one decrypts. Never empty. */
  readonly fieldKeys: readonly [FieldKey, ...FieldKey[]];
  readonly blindIndexKey: Buffer;
  readonly cursorSigningKey: Buffer;
}

/** The validated, frozen configuration of the process; injected by this class. */
export class AppConfig {
  /** Settings that were missing and replaced by a value that does not outlive the process. */
  readonly ephemeralSecrets: readonly string[];
  readonly secrets: Secrets;

  constructor(readonly env: Readonly<CleanedEnv<typeof ENVIRONMENT>>) {
    const ephemeral: string[] = [];
    this.secrets = readSecrets(env, ephemeral);
    this.ephemeralSecrets = ephemeral;
    Object.freeze(this);
  }

  /** Connections to the writer and to all replicas, shrunk in proportion to DATABASE_CONNECTION_LIMIT. */
  get poolSizes(): { write: number; read: number } {
    const {
      DATABASE_WRITE_POOL_SIZE: write,
      DATABASE_READ_POOL_SIZE: read,
      DATABASE_CONNECTION_LIMIT: limit,
    } = this.env;
    const share = Math.min(1, limit / (write + read));
    return { write: Math.max(1, Math.floor(write * share)), read: Math.max(1, Math.floor(read * share)) };
  }

  /** URLs of the Redis of the sessions by region, without this one: all regions may be given the same list. */
  get otherSessionRegions(): ReadonlyMap<string, string> {
    const { REGION, REDIS_SESSION_REGIONS } = this.env;
    return new Map([...parseRegionUrls(REDIS_SESSION_REGIONS)].filter(([name]) => name !== REGION));
  }

  get servesApi(): boolean {
    return this.env.ROLE !== 'worker';
  }

  get runsJobs(): boolean {
    return this.env.ROLE !== 'api';
  }
}

/**
 * Reads and validates the configuration.
 * @throws ConfigurationError naming every setting that is missing or out of range.
 */
export function loadConfig(source: NodeJS.ProcessEnv = process.env): AppConfig {
  const env = cleanEnv(source, ENVIRONMENT, {
    reporter: ({ errors }) => {
      const problems = Object.entries(errors).map(([name, error]) => `${name}: ${error.message}`);
      if (problems.length > 0) throw new ConfigurationError(problems);
    },
  });
  if (!isCurrencyCode(env.DEFAULT_CURRENCY)) {
    throw new ConfigurationError(['DEFAULT_CURRENCY: expected three capital letters (ISO 4217)']);
  }
  const redisProblems = [
    ...REDIS_URLS.flatMap((name) =>
      problemOf(name, () => {
        if (env[name] !== '' || name === 'REDIS_URL') parseRedisUrl(env[name]);
      }),
    ),
    ...problemOf('REDIS_SESSION_REGIONS', () => {
      parseRegionUrls(env.REDIS_SESSION_REGIONS).forEach((url) => parseRedisUrl(url));
    }),
  ];
  if (redisProblems.length > 0) throw new ConfigurationError(redisProblems);
  for (const url of [env.DATABASE_URL, ...env.DATABASE_REPLICA_URLS].flatMap(expandPostgresHosts)) {
    if (!URL.canParse(url))
      throw new ConfigurationError(['DATABASE_URL, DATABASE_REPLICA_URLS: one of them is not a URL']);
  }
  return new AppConfig(env);
}

const REDIS_URLS = ['REDIS_URL', 'REDIS_RATE_LIMIT_URL', 'REDIS_SESSION_URL', 'REDIS_CACHE_URL'] as const;

/** One line when what the setting holds cannot be read. */
function problemOf(name: string, read: () => void): string[] {
  try {
    read();
    return [];
  } catch (error) {
    return [`${name}: ${error instanceof Error ? error.message : String(error)}`];
  }
}

function readSecrets(env: CleanedEnv<typeof ENVIRONMENT>, ephemeral: string[]): Secrets {
  const problems: string[] = [];
  const readFile = (name: string, path: string): string => {
    try {
      return readFileSync(path, 'utf8');
    } catch {
      problems.push(`${name}: cannot read ${path}`);
      return '';
    }
  };
  const key32 = (name: string, text: string): Buffer => {
    if (text === '') {
      ephemeral.push(name);
      return randomBytes(32);
    }
    const key = Buffer.from(text, 'base64');
    if (key.length !== 32) problems.push(`${name}: expected 32 bytes in base64`);
    return key;
  };

  let jwtPrivateKeyPem = env.JWT_PRIVATE_KEY;
  if (jwtPrivateKeyPem === '' && env.JWT_PRIVATE_KEY_FILE !== '') {
    jwtPrivateKeyPem = readFile('JWT_PRIVATE_KEY_FILE', env.JWT_PRIVATE_KEY_FILE);
  } else if (jwtPrivateKeyPem === '') {
    ephemeral.push('JWT_PRIVATE_KEY');
    jwtPrivateKeyPem = generateKeyPairSync('rsa', {
      modulusLength: 2048,
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
      publicKeyEncoding: { type: 'spki', format: 'pem' },
    }).privateKey;
  }

  const fieldKeys = env.FIELD_ENCRYPTION_KEYS.split(',')
    .filter((entry) => entry !== '')
    .map((entry): FieldKey => {
      const [id = '', encoded = ''] = entry.split(':');
      const key = Buffer.from(encoded, 'base64');
      if (!/^[a-z0-9]{1,8}$/.test(id) || key.length !== 32) {
        problems.push(
          'FIELD_ENCRYPTION_KEYS: expected id:base64 entries, ids of 1 to 8 of a-z 0-9, keys of 32 bytes',
        );
      }
      return { id, key };
    });
  const [first = { id: 'tmp', key: key32('FIELD_ENCRYPTION_KEYS', '') }, ...others] = fieldKeys;

  const secrets: Secrets = {
    jwtPrivateKeyPem,
    jwtPreviousPublicKeyPems: env.JWT_PREVIOUS_PUBLIC_KEY_FILES.map((path) =>
      readFile('JWT_PREVIOUS_PUBLIC_KEY_FILES', path),
    ),
    fieldKeys: [first, ...others],
    blindIndexKey: key32('BLIND_INDEX_KEY', env.BLIND_INDEX_KEY),
    cursorSigningKey: key32('CURSOR_SIGNING_KEY', env.CURSOR_SIGNING_KEY),
  };
  if (env.REFUSE_EPHEMERAL_KEYS) problems.push(...ephemeral.map((name) => `${name}: not configured`));
  if (problems.length > 0) throw new ConfigurationError(problems);
  return secrets;
}

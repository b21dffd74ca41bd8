export interface RedisNode {
  readonly host: string;
  readonly port: number;
}

/** Where a role of Redis is and how it is reached. */
export interface RedisTarget {
  readonly mode: 'single' | 'sentinel' | 'cluster';
  readonly isTls: boolean;
  /** The server, the sentinels, or the nodes of the cluster that are asked first. Never empty. */
  readonly nodes: readonly [RedisNode, ...RedisNode[]];
  /** ACL user and password of the servers; empty: none. */
  readonly username: string;
  readonly password: string;
  readonly database: number;
  /** The name under which the sentinels know the master; empty in the other modes. */
  readonly masterName: string;
  /** Of the sentinels themselves; empty: none. */
  readonly sentinelUsername: string;
  readonly sentinelPassword: string;
}

const SCHEMES = {
  redis: 'single',
  rediss: 'single',
  'redis+sentinel': 'sentinel',
  'rediss+sentinel': 'sentinel',
  'redis+cluster': 'cluster',
  'rediss+cluster': 'cluster',
} as const;

const FORMS =
  'redis://[user:pass@]host:port[/db], redis+sentinel://[user:pass@]host:port,host:port/masterName[/db] ' +
  'or redis+cluster://[user:pass@]host:port,host:port (rediss for TLS)';

const DEFAULT_PORT = { single: 6379, sentinel: 26_379, cluster: 6379 };

/** @throws Error whose message says what is wrong and repeats no password. */
export function parseRedisUrl(text: string): RedisTarget {
  const match = /^([a-z+]+):\/\/(?:([^@/?]*)@)?([^/?#]*)([^?#]*)(?:\?([^#]*))?$/.exec(text);
  const [, scheme = '', credentials = '', hosts = '', path = '', query = ''] = match ?? [];
  if (!(scheme in SCHEMES)) throw new Error(`expected ${FORMS}`);
  const mode = SCHEMES[scheme as keyof typeof SCHEMES];
  // Otherwise a part of the password would be taken for a host, and be named in the message below.
  if (text.split('@').length > (credentials === '' ? 1 : 2))
    throw new Error('characters such as @ / ? in the user and the password have to be percent-encoded');
  const [first, ...rest] = hosts.split(',').map((host) => parseNode(host, DEFAULT_PORT[mode]));
  if (first === undefined || (mode === 'single' && rest.length > 0))
    throw new Error('redis:// takes one server; use redis+sentinel:// or redis+cluster:// for several');
  const segments = path.split('/').filter((segment) => segment !== '');
  const masterName = mode === 'sentinel' ? decode(segments.shift() ?? '') : '';
  if (mode === 'sentinel' && masterName === '')
    throw new Error('redis+sentinel:// needs the name of the master as its path, as in /mymaster');
  const [username, password] = parseCredentials(credentials);
  const parameters = new URLSearchParams(query);
  for (const name of parameters.keys())
    if (mode !== 'sentinel' || !['sentinelUsername', 'sentinelPassword'].includes(name))
      throw new Error(`unknown parameter "${name}"`);
  return {
    mode,
    isTls: scheme.startsWith('rediss'),
    nodes: [first, ...rest],
    username,
    password,
    database: parseDatabase(mode, segments),
    masterName,
    sentinelUsername: parameters.get('sentinelUsername') ?? '',
    sentinelPassword: parameters.get('sentinelPassword') ?? '',
  };
}

function parseNode(text: string, defaultPort: number): RedisNode {
  const [, bracketed, bare, port] = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const host = bracketed ?? bare;
  const number = port === undefined ? defaultPort : Number(port);
  if (host === undefined || number < 1 || number > 65_535)
    throw new Error(`"${text}" is not host:port; several are separated by commas`);
  return { host, port: number };
}

function parseCredentials(text: string): [username: string, password: string] {
  if (text === '') return ['', ''];
  const separator = text.indexOf(':');
  // `redis://secret@host` would be a user without a password, which no server has; say what is meant.
  if (separator < 0) throw new Error('credentials are user:password@, or :password@ for the default user');
  return [decode(text.slice(0, separator)), decode(text.slice(separator + 1))];
}

function parseDatabase(mode: RedisTarget['mode'], segments: readonly string[]): number {
  const [text = '0', ...more] = segments;
  const database = Number(text);
  if (more.length > 0 || !Number.isInteger(database) || database < 0 || database > 9999)
    throw new Error(`"${segments.join('/')}" is not the number of a database`);
  if (mode === 'cluster' && database !== 0) throw new Error('a cluster has no database but 0');
  return database;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new Error('a part of the URL is not percent-encoded correctly');
  }
}

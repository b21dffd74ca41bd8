import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ENVIRONMENT } from '../../src/config/environment.js';
import { renderEnvironmentExample } from '../environment-example.mjs';
import { OVERLAYS, parseStack, readStackFiles } from './compose-stack.mjs';
import { checkStack } from './rules.mjs';

const PROJECT = join(import.meta.dirname, '../..');
const read = (path: string): string => readFileSync(join(PROJECT, path), 'utf8');
const settings = new Map(Object.entries(ENVIRONMENT));
const FILES: ReadonlyMap<string, string> = readStackFiles();

/** The rules that find something, with one file of another content. */
function brokenRules(changed = '', content = '', overlay?: string): string[] {
  const files = new Map([...FILES, ...(changed === '' ? [] : [[changed, content] as const])]);
  return [...new Set(checkStack(parseStack(files, settings, overlay)).map(({ rule }) => rule))];
}

const COMPOSE = 'docker-compose.production.yml';
const POSTGRES = 'deployment/docker/postgres/postgresql.conf';
const HBA = 'deployment/docker/postgres/pg_hba.conf';
const PGBOUNCER = 'deployment/docker/pgbouncer/pgbouncer.ini';
const UPSTREAMS = 'deployment/docker/nginx/upstreams.conf';
const MAIN = 'deployment/docker/redis/main.conf';
const SESSIONS = 'deployment/docker/redis/sessions.conf';
const RATE_LIMIT = 'deployment/docker/redis/rate-limit.conf';

type Mutation = readonly [rule: string, what: string, file: string, from: string | RegExp, to: string];

/** One fault each, of the kind that people make; the rule named has to find it. */
const MUTATIONS: readonly Mutation[] = [
  [
    'exposure',
    'database on the host',
    COMPOSE,
    '      POSTGRES_NODE: postgres_1',
    "      POSTGRES_NODE: postgres_1\n    ports: [{ target: 5432, published: '5432' }]",
  ],
  ['exposure', 'inner network with a way out', COMPOSE, 'internal: true', 'internal: false'],
  ['exposure', 'application on the edge', COMPOSE, /internal: \{ aliases: .* \}/, 'edge: {}'],
  [
    'exposure',
    'socket of the engine',
    COMPOSE,
    '- prometheus:/prometheus\n',
    '- /var/run/docker.sock:/var/run/docker.sock:ro\n',
  ],
  [
    'exposure',
    'network of the host',
    COMPOSE,
    "user: '65534:65534'",
    "user: '65534:65534'\n    network_mode: host",
  ],
  ['containers', 'latest', COMPOSE, 'postgres:18.1-bookworm', 'postgres:latest'],
  ['containers', 'image without a tag', COMPOSE, 'prom/prometheus:v3.5.0', 'prom/prometheus'],
  ['containers', 'no memory limit', COMPOSE, '{ memory: 1536M, pids: 256 }', '{ pids: 256 }'],
  ['containers', 'endless processes', COMPOSE, '{ memory: 2G, pids: 512 }', '{ memory: 2G }'],
  ['containers', 'endless log', COMPOSE, "max-file: '5', ", ''],
  ['containers', 'log as large as the disk', COMPOSE, 'max-size: 20m', 'max-size: 20g'],
  ['containers', 'log driver that keeps all', COMPOSE, 'driver: json-file', 'driver: syslog'],
  ['containers', 'no health check', COMPOSE, 'test: [CMD, node, dist/health-check.js]', 'test: []'],
  ['containers', 'stays away', COMPOSE, 'restart: unless-stopped', 'restart: on-failure'],
  ['containers', 'writable', COMPOSE, 'read_only: true', 'read_only: false'],
  ['containers', 'capabilities', COMPOSE, 'cap_drop: [ALL]', 'cap_drop: [NET_RAW]'],
  ['containers', 'capability for all', COMPOSE, 'cap_drop: [ALL]', 'cap_drop: [ALL]\n  cap_add: [SYS_ADMIN]'],
  ['containers', 'new privileges', COMPOSE, "['no-new-privileges:true']", '[]'],
  ['containers', 'privileged', COMPOSE, 'shm_size: 256m', 'privileged: true'],
  ['containers', 'root', COMPOSE, /user: '65532:65532'\n {2}tmpfs/, 'tmpfs'],
  ['containers', 'low user', COMPOSE, "user: '65532:65532'", "user: '1000:1000'"],
  [
    'containers',
    'host directory that can be written',
    COMPOSE,
    'postgres:/etc/caudal:ro',
    'postgres:/etc/caudal',
  ],
  ['containers', 'volume that does not exist', COMPOSE, 'redis-main:/data', 'redis:/data'],
  ['containers', 'killed after 10 s', COMPOSE, / *stop_grace_period: 90s\n/, ''],
  ['shutdown', 'short grace', COMPOSE, 'stop_grace_period: 40s', 'stop_grace_period: 20s'],
  ['shutdown', 'long drain', COMPOSE, "SHUTDOWN_DEADLINE_MS: '20000'", "SHUTDOWN_DEADLINE_MS: '60000'"],
  ['shutdown', 'no delay', COMPOSE, "SHUTDOWN_DELAY_MS: '5000'", "SHUTDOWN_DELAY_MS: '0'"],
  ['order', 'two processes', COMPOSE, /ROLE: api/, 'ROLE: all'],
  ['order', 'before the migrations', COMPOSE, 'service_completed_successfully', 'service_started'],
  ['order', 'no administrator', COMPOSE, 'command: [prestart]', 'command: [migrate]'],
  ['order', 'waits for nobody', COMPOSE, 'redis-main: { condition', 'redis: { condition'],
  ['order', 'gateway before the application', COMPOSE, '      app-2: { condition: service_healthy }\n', ''],
  ['order', 'spool in the container', COMPOSE, ':/var/spool/caudal', ':/var/spool'],
  ['colours', 'no colour on the container', COMPOSE, 'caudal.colour:', 'colour:'],
  ['colours', 'no name with a colour', COMPOSE, "'app-2-${CAUDAL_COLOUR:-blue}'", "'app-2-blue-2'"],
  ['colours', 'one spool for both', COMPOSE, /spool-app-3-\$\{CAUDAL_COLOUR:-blue\}/, 'spool-app-3-green'],
  ['colours', 'another host name each time', COMPOSE, '    hostname: worker\n', ''],
  ['colours', 'all anew with each image', COMPOSE, "  CAUDAL_IMAGE: ''\n", ''],
  ['colours', 'not scraped', COMPOSE, 'aliases: [app, ', 'aliases: ['],
  ['colours', 'asked once only', UPSTREAMS, 'server app-1-blue:3000 backup max_fails=0;\n', ''],
  ['colours', 'unknown to the gateway', UPSTREAMS, /app-2-blue/g, 'app-2'],
  ['settings', 'unknown setting', COMPOSE, 'TRUST_PROXY_HOPS:', 'TRUST_PROXY_HOP:'],
  ['settings', 'value out of range', COMPOSE, "TRUST_PROXY_HOPS: '1'", "TRUST_PROXY_HOPS: '99'"],
  ['settings', 'unknown role', COMPOSE, /ROLE: worker/, 'ROLE: jobs'],
  [
    'settings',
    'setting that changes with each deployment',
    COMPOSE,
    "CAUDAL_IMAGE: ''",
    "CAUDAL_IMAGE: '${CAUDAL_IMAGE:-x}'",
  ],
  [
    'settings',
    'key in the environment',
    COMPOSE,
    'BLIND_INDEX_KEY_FILE: /run/secrets/blind_index_key',
    'BLIND_INDEX_KEY: c2VjcmV0',
  ],
  [
    'settings',
    'password in an address',
    COMPOSE,
    'REDIS_URL_FILE: /run/secrets/redis_main_url',
    'REDIS_URL: redis://caudal:hunter2@redis-main:6379',
  ],
  [
    'settings',
    'secret from a variable',
    COMPOSE,
    /blind_index_key: \{ file: .*/,
    'blind_index_key: { environment: KEY }',
  ],
  ['settings', 'secret that is not mounted', COMPOSE, '    - cursor_signing_key\n', ''],
  ['settings', 'secret that does not exist', COMPOSE, 'secrets: [pgbouncer_userlist]', 'secrets: [userlist]'],
  [
    'settings',
    'file that nobody reads into a variable',
    'deployment/docker/scripts/docker-entrypoint.sh',
    'CURSOR_SIGNING_KEY ',
    '',
  ],
  ['connections', 'small PgBouncer', PGBOUNCER, 'max_client_conn = 1000', 'max_client_conn = 500'],
  ['connections', 'session pooling', PGBOUNCER, 'pool_mode = transaction', 'pool_mode = session'],
  ['connections', 'large server pools', PGBOUNCER, /pool_size=60/g, 'pool_size=100'],
  ['connections', 'small PostgreSQL', POSTGRES, 'max_connections = 200', 'max_connections = 100'],
  ['connections', 'replica without an entry', PGBOUNCER, /^caudal_3 .*\n/m, ''],
  ['connections', 'one entry for both replicas', PGBOUNCER, 'host=postgres-3', 'host=postgres-2'],
  ['postgres', 'asynchronous', POSTGRES, 'synchronous_commit = on', 'synchronous_commit = local'],
  [
    'postgres',
    'waits for a server that is not there',
    POSTGRES,
    'postgres_1, postgres_2, postgres_3',
    'replica_1, replica_2',
  ],
  ['postgres', 'waits for the first only', POSTGRES, 'ANY 1', 'FIRST 1'],
  ['postgres', 'no fsync', POSTGRES, 'hot_standby = on', 'fsync = off'],
  ['postgres', 'slot without an end', POSTGRES, 'max_slot_wal_keep_size = 4GB', ''],
  ['postgres', 'trust', HBA, /host {2}caudal(.*)scram-sha-256/, 'host  caudal$1trust'],
  [
    'postgres',
    'one volume for two',
    COMPOSE,
    'postgres-3:/var/lib/postgresql',
    'postgres-2:/var/lib/postgresql',
  ],
  ['postgres', 'one name for two', COMPOSE, 'POSTGRES_NODE: postgres_3', 'POSTGRES_NODE: postgres_2'],
  ['postgres', 'second primary', COMPOSE, '      POSTGRES_PRIMARY_HOST: postgres-1\n', ''],
  ['redis', 'main evicts', MAIN, 'noeviction', 'allkeys-lru'],
  ['redis', 'limits are evicted', RATE_LIMIT, 'noeviction', 'volatile-lru'],
  ['redis', 'sessions are forgotten', SESSIONS, 'appendonly yes', 'appendonly no'],
  ['redis', 'sessions without a volume', COMPOSE, 'redis-sessions:/data', 'redis-sessions:/backup'],
  ['redis', 'no end', MAIN, 'maxmemory 2gb\n', ''],
  ['redis', 'more than the container', SESSIONS, 'maxmemory 1gb', 'maxmemory 4gb'],
  ['redis', 'open to all', RATE_LIMIT, /^aclfile .*$/m, 'protected-mode no'],
  ['redis', 'settings of another role', COMPOSE, 'redis/sessions.conf:', 'redis/rate-limit.conf:'],
];

describe('the compose stack', () => {
  it.each([undefined, ...OVERLAYS])('has nothing against itself with the overlay %s', (overlay) => {
    expect(brokenRules('', '', overlay)).toEqual([]);
  });

  it('is judged by rules that catch every seeded mutation', () => {
    const survivors = MUTATIONS.filter(([rule, , file, from, to]) => {
      const original = FILES.get(file) ?? '';
      const mutated = original.replace(from, to);
      if (mutated === original) throw new Error(`"${String(from)}" is not in ${file}`);
      return !brokenRules(file, mutated).includes(`compose-${rule}`);
    });
    const caught = MUTATIONS.length - survivors.length;
    process.stdout.write(`compose mutations: ${String(caught)} of ${String(MUTATIONS.length)} caught\n`);
    expect(survivors.map(([rule, what]) => `${rule}: ${what}`)).toEqual([]);
  });

  it('is judged with its overlays: a second door beside Traefik is found', () => {
    const overlay = 'deployment/docker/compose.traefik.yml';
    const mutated = (FILES.get(overlay) ?? '').replace('ports: !reset []', 'ports: []');
    expect(brokenRules(overlay, mutated, overlay)).toContain('compose-exposure');
  });

  it('gives each Redis the users of the operations page', () => {
    const documented = new Map(
      [...read('docs/operations.md').matchAll(/^ACL SETUSER (\S+) reset on >PASSWORD (.+)$/gm)].map(
        ([, name = '', rights = '']) => [name, rights.split(' ')] as const,
      ),
    );
    // Without a Redis of its own the cache lives on the main one.
    const ROLES = {
      main: ['caudal-main', 'caudal-cache'],
      'rate-limit': ['caudal-rate-limit'],
      sessions: ['caudal-sessions'],
    };
    for (const [role, users] of Object.entries(ROLES)) {
      const lines = read(`deployment/docker/redis/users/${role}.acl`).trim().split('\n');
      const own = lines.find((line) => line.startsWith(`user caudal-${role} on #PASSWORD_SHA256 `));
      const rights = users.flatMap((user) => documented.get(user) ?? []);
      expect(own?.split(' ').slice(4).sort()).toEqual([...new Set([...rights, '+client|setinfo'])].sort());
      expect(lines).toContain('user default off');
      expect(lines).toHaveLength(3);
    }
  });
});

describe('.env.example', () => {
  const example = read('.env.example');

  it('lists every setting as the code reads it', () => {
    expect(example).toBe(renderEnvironmentExample(ENVIRONMENT, read(COMPOSE)));
    const listed = [...example.matchAll(/^#?([A-Z_]+)=/gm)].map(([, name]) => name);
    expect(Object.keys(ENVIRONMENT).filter((name) => !listed.includes(name))).toEqual([]);
    expect(new Set(listed).size).toBe(listed.length);
  });

  it('gives values that the application takes', () => {
    const given = [...example.matchAll(/^#?([A-Z_]+)=(.*)$/gm)];
    const wrong = given.filter(([, name = '', value = '']) => {
      const setting = settings.get(name);
      if (setting === undefined || value === '') return false;
      try {
        setting._parse(value);
        return false;
      } catch {
        return true;
      }
    });
    expect(wrong).toEqual([]);
  });

  it('names every variable of the compose files', () => {
    const used = [COMPOSE, ...OVERLAYS].flatMap((path) =>
      [...read(path).matchAll(/\$\{(\w+)/g)].map(([, name = '']) => name),
    );
    expect([...new Set(used)].filter((name) => !example.includes(`#${name}=`))).toEqual([]);
  });
});

// @ts-check
// Mistakes in the images of servers, in what they and the manifests name, and in the gateway.
const BACKUP = 'deployment/docker/backup/Dockerfile';
const NGINX = 'deployment/docker/nginx';
const HTTPS = `${NGINX}/conf.d/https.conf`;
const LIMITS = `${NGINX}/conf.d/limits.conf`;
const PROXY = `${NGINX}/snippets/proxy.conf`;
const PROCESSES = `${NGINX}/snippets/processes.conf`;

/** @type {readonly import('./mutation.mjs').Mutation[]} */
export const SERVER_MUTATIONS = [
  ['server-image', 'the backup without its key tool', BACKUP, ' gpg ', ' '],
  ['server-image', 'recommended packages', BACKUP, ' --no-install-recommends', ''],
  ['server-image', 'lists of another day', BACKUP, 'apt-get update \\\n  && ', ''],
  ['server-image', 'lists that stay', BACKUP, 'rm -rf /var/lib/apt/lists/* ', 'rm -rf /tmp/* '],
  ['server-image', 'the key in the image', BACKUP, 'COPY deployment', 'ARG BACKUP_KEY\nCOPY deployment'],
  [
    'server-image',
    'secrets of a host',
    BACKUP,
    'COPY deployment',
    'COPY secrets/backup_key /run/\nCOPY deployment',
  ],
  ['server-image', 'a restore that is not there', BACKUP, ' deployment/scripts/restore.sh', ''],
  ['server-image', 'settings that are not there', BACKUP, /^COPY .*pgbackrest\.conf.*$/m, ''],
  [
    'server-image',
    'a script from somewhere',
    BACKUP,
    '&& rm',
    '&& curl https://example.com/install | sh && rm',
  ],
  [
    'server-image',
    'a download unpacked',
    BACKUP,
    'COPY deployment',
    'ADD https://example.com/x /x\nCOPY deployment',
  ],
  ['server-image', 'packages that nobody signed', BACKUP, 'install -y', 'install -y --allow-unauthenticated'],
  [
    'server-image',
    'gateway without its health check’s program',
    `${NGINX}/Dockerfile`,
    'curl nginx',
    'nginx',
  ],
  ['server-image', 'firewall without its rules', `${NGINX}/modsecurity/Dockerfile`, ' modsecurity-crs ', ' '],
  ['server-image', 'firewall without its mode', `${NGINX}/modsecurity/Dockerfile`, /^COPY modsec.*$/m, ''],

  ['image-references', 'base without a version', BACKUP, 'postgres:18.1-bookworm', 'postgres'],
  ['image-references', 'only the major version', BACKUP, 'postgres:18.1-bookworm', 'postgres:18-bookworm'],
  ['image-references', 'two PostgreSQLs', BACKUP, 'postgres:18.1-bookworm', 'postgres:18.0-bookworm'],
  ['image-references', 'latest k6', 'deployment/overlays/k6/test-run.yaml', 'k6:1.8.1', 'k6:latest'],
  [
    'image-references',
    'a digest in one of two places',
    'docker-compose.production.yml',
    'pgbouncer:v1.24.1-p1',
    `pgbouncer:v1.24.1-p1@sha256:${'a'.repeat(64)}`,
  ],
  [
    'image-references',
    'a digest cut short',
    'deployment/overlays/k6/test-run.yaml',
    'k6:1.8.1',
    'k6:1.8.1@sha256:abc',
  ],

  ['gateway', 'TLS 1.1', HTTPS, 'TLSv1.2 TLSv1.3', 'TLSv1.1 TLSv1.2 TLSv1.3'],
  ['gateway', 'a cipher without forward secrecy', HTTPS, 'ssl_ciphers ', 'ssl_ciphers AES128-SHA:'],
  ['gateway', 'tickets', HTTPS, 'ssl_session_tickets off', 'ssl_session_tickets on'],
  ['gateway', 'HSTS of a day', `${NGINX}/snippets/headers.conf`, 'max-age=63072000', 'max-age=86400'],
  ['gateway', 'metrics in the open', HTTPS, /location ~\* \^\/metrics[^}]*\}/, ''],
  ['gateway', 'a plain port that serves', `${NGINX}/conf.d/redirect.conf`, 'return 308', 'return 200'],
  ['gateway', 'the port of the management', `${NGINX}/upstreams.conf`, 'app-1-blue:3000', 'app-1-blue:9464'],
  ['gateway', 'its version told', `${NGINX}/nginx.conf`, 'server_tokens off', 'server_tokens on'],
  ['gateway', 'bodies of any size', LIMITS, 'client_max_body_size 64k', 'client_max_body_size 0'],
  ['gateway', 'slow headers', LIMITS, 'client_header_timeout 10s', 'client_header_timeout 10m'],
  ['gateway', 'requests not counted', LIMITS, /^limit_req zone=.*\n/gm, ''],
  ['gateway', 'connections not counted', LIMITS, /^limit_conn_zone .*\n/m, ''],
  ['gateway', 'refusals that look like failures', LIMITS, 'limit_req_status 429', 'limit_req_status 503'],
  ['gateway', 'the address that a client claims', PROXY, '$client_address', '$proxy_add_x_forwarded_for'],
  ['gateway', 'httpoxy', PROXY, 'proxy_set_header Proxy "";\n', ''],
  [
    'gateway',
    'orders sent twice',
    HTTPS,
    /(location @once \{[^}]*proxy_next_upstream error timeout)/,
    '$1 non_idempotent',
  ],
  ['gateway', 'reads that fail with one process', HTTPS, ' invalid_header non_idempotent', ''],
  ['gateway', 'a connection for each request', PROCESSES, 'keepalive 256;', ''],
  [
    'gateway',
    'requests on connections that close',
    PROCESSES,
    'keepalive_timeout 4s',
    'keepalive_timeout 55s',
  ],
  ['gateway', 'round robin', `${NGINX}/conf.d/upstream.conf`, 'least_conn;', ''],
  ['gateway', 'any number of requests at one process', `${NGINX}/upstreams.conf`, ' max_conns=1000', ''],
  ['gateway', 'buyers who wait behind browsers', HTTPS, 'http://$processes', 'http://caudal_ordinary'],
  ['gateway', 'no ejection', `${NGINX}/upstreams.conf`, / max_fails=\d fail_timeout=5s| max_fails=0/g, ''],
  [
    'gateway',
    'processes asked at old addresses',
    `${NGINX}/modsecurity/Dockerfile`,
    '"/bin/sh", "/etc/nginx/start.sh"',
    '"nginx", "-g", "daemon off;"',
  ],
  ['gateway', 'tokens in the log', `${NGINX}/conf.d/access-log.conf`, '$logged_path"', '$logged_path?$args"'],
  ['gateway', 'lines that are no JSON', `${NGINX}/conf.d/access-log.conf`, 'escape=json', 'escape=default'],
];

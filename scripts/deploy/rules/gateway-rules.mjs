// @ts-check
// What the gateway must never lose. test/gateway shows on a real nginx that it does what it is to do; this needs none
// and says which line is gone.
import { withoutComments } from './comments.mjs';
import { found } from './pod-rules.mjs';

/** Longer than any of these is a client that holds a connection for nothing. */
const CLIENT_SECONDS_MAX = 15;
/** HSTS lists ask for a year; the shop says two. */
const HSTS_SECONDS_MIN = 31_536_000;
/** SHUTDOWN_DELAY_MS of the compose stack. */
const SHUTDOWN_DELAY_SECONDS = 5;
const OLD_PROTOCOL = /\b(?:SSLv\d|TLSv1|TLSv1\.1)(?![.\d])/;
const WEAK_CIPHER = /\b(?:RC4|3?DES|MD5|NULL|EXPORT|CBC3?)\b|(?:^|:)(?:AES|RSA|DHE)/;

/**
 * @param {ReadonlyMap<string, string>} files text by path, of deployment/docker/nginx
 * @returns {import('../manifests.mjs').Finding[]}
 */
export function gateway(files) {
  const all = [...files]
    .filter(([path]) => path.endsWith('.conf'))
    .map(([, text]) => withoutComments(text))
    .join('\n');
  const upstreams = withoutComments(files.get('upstreams.conf') ?? '');
  const processes = withoutComments(files.get('snippets/processes.conf') ?? '');
  const groups = [...all.matchAll(/^upstream (\w+) \{([^}]*)\}/gm)];
  const values = (/** @type {string} */ name) =>
    [...all.matchAll(new RegExp(`^\\s*${name}\\s+([^;{]*);`, 'gm'))].map(([, value = '']) => value.trim());
  const value = (/** @type {string} */ name) => values(name)[0];
  const blockOf = (/** @type {string} */ head) => {
    const at = all.indexOf(`${head} {`);
    return at === -1 ? '' : all.slice(at, all.indexOf('}', at));
  };
  const header = (/** @type {string} */ name) =>
    values('proxy_set_header').find((each) => each.startsWith(`${name} `));
  const hsts = Number(
    /max-age=(\d+)/.exec(values('add_header').find((each) => each.startsWith('Strict-')) ?? '')?.[1],
  );
  const listeners = values('listen').filter((listen) => !listen.startsWith('127.0.0.1:'));
  const zones = ['req', 'conn'].map((kind) => values(`limit_${kind}_zone`).length);
  const tooLong = ['client_header_timeout', 'client_body_timeout', 'send_timeout'].filter(
    (name) => !(seconds(value(name)) <= CLIENT_SECONDS_MAX),
  );
  return found('gateway', 'deployment/docker/nginx', [
    values('ssl_protocols').length !== 1 && 'ssl_protocols is not said once',
    OLD_PROTOCOL.test(value('ssl_protocols') ?? 'TLSv1') && 'speaks a protocol from before TLS 1.2',
    WEAK_CIPHER.test(value('ssl_ciphers') ?? 'RC4') && 'takes a cipher without forward secrecy or a weak one',
    value('ssl_session_tickets') !== 'off' && 'encrypts tickets with a key that lives as long as the process',
    !(hsts >= HSTS_SECONDS_MIN) && 'HSTS is missing or short',
    listeners.some((listen) => !/^(80|443 ssl)\b/.test(listen)) && 'listens on another port than 80 and 443',
    !/return 30[18] https:/.test(all) && 'does not lead plain HTTP to HTTPS',
    value('server_tokens') !== 'off' && 'tells its version',
    !/location ~\* \^\/metrics[^{]*\{\s*return 404;/.test(all) && 'does not refuse /metrics',
    /:9\d{3}\b|management/.test(upstreams) && 'leads to the management port',
    /autoindex on|stub_status/.test(all.replaceAll(/listen 127\.0\.0\.1:8081;[^]*?\n\}/g, '')) &&
      'shows a directory or its status to the world',
    !/^\d+[km]?$/.test(value('client_max_body_size') ?? '') || value('client_max_body_size') === '0'
      ? 'takes bodies of any size'
      : false,
    value('large_client_header_buffers') === undefined && 'takes headers of any size',
    ...tooLong.map((name) => `${name} lets a slow client stay`),
    zones.some((count) => count === 0) && 'counts neither requests or connections of a client',
    !(values('limit_req').length > 0 && values('limit_conn').length > 0) && 'counts, and refuses nobody',
    value('limit_req_status') !== '429' && 'refuses with another status than 429',
    groups.some(([, name, text = '']) => name !== 'caudal_in_turn' && !/least_conn;/.test(text)) &&
      'does not choose the process with the fewest requests',
    groups.some(([, , text = '']) => !text.includes('include snippets/processes.conf;')) &&
      'has connections that are not as the others',
    !/^keepalive \d+;/m.test(processes) && 'opens a connection for each request',
    !(seconds(/^keepalive_timeout (\w+);/m.exec(processes)?.[1]) < SHUTDOWN_DELAY_SECONDS) &&
      'keeps a connection for longer than a process waits before it closes it',
    !/^server /m.test(upstreams) || /^server (?!.* max_conns=[1-9])/m.test(upstreams)
      ? 'lets any number of requests wait at one process'
      : false,
    ['@repeatable', '@once'].some(
      (name) => !blockOf(`location ${name}`).includes('proxy_pass http://$processes$upstream_uri;'),
    ) && 'has no connections for buyers that a crowd does not take',
    !/max_fails=\d/.test(upstreams) && 'goes on asking a process that is gone',
    /non_idempotent/.test(all.replace(/location @repeatable \{[^}]*\}/, '')) &&
      'repeats what may not be repeated',
    !/non_idempotent/.test(blockOf('location @repeatable')) && 'does not repeat what may be repeated',
    header('X-Forwarded-For') !== 'X-Forwarded-For $client_address' &&
      'passes on the address that a client claims',
    header('Proxy') !== 'Proxy ""' && 'passes on the field Proxy',
    header('X-Request-Id') === undefined && 'gives requests no name',
    !/^log_format json escape=json/m.test(all) && 'writes no JSON, or not so that it stays JSON',
    /\$(?:args|query_string|http_authorization|http_cookie|request_body)\b|\$request"/.test(
      /^log_format [^;]*;/m.exec(all)?.[0] ?? '',
    ) && 'logs what may hold a token',
    ['Dockerfile', 'modsecurity/Dockerfile'].some(
      (path) => !/^CMD \["\/bin\/sh", "\/etc\/nginx\/start\.sh"\]$/m.test(files.get(path) ?? ''),
    ) && 'asks the processes at the addresses that they had when it started',
    !/gzip on;/.test(all) && 'does not compress',
    !/immutable/.test(all) && 'has assets loaded anew each time',
  ]);
}

/** @param {string | undefined} duration */
function seconds(duration) {
  const [, number, unit = 's'] = /^(\d+)(ms|s|m|h)?$/.exec(duration ?? '') ?? [];
  if (number === undefined) return Infinity;
  return Number(number) * ({ ms: 0.001, s: 1, m: 60, h: 3600 }[unit] ?? 1);
}

// @ts-check
import { withoutComments } from './comments.mjs';
import { bytes } from './compose-rules.mjs';
import { found } from './pod-rules.mjs';

/**
 * @typedef {import('../manifests.mjs').Finding} Finding
 * @typedef {import('../compose-stack.mjs').Stack} Stack
 */

const NGINX = 'deployment/docker/nginx';
const FIREWALL = `${NGINX}/modsecurity`;
export const FIREWALL_FILES = [
  ...['conf.d/https.conf', 'conf.d/limits.conf', 'snippets/problem-pages.conf'].map(
    (name) => `${NGINX}/${name}`,
  ),
  ...[
    ...['main.conf', 'http.conf', 'proxied.conf', 'engine.conf', 'crs-setup.conf', 'bodies.conf'],
    ...['exclusions.conf', 'exclusions-everywhere.conf', 'own-rules.conf', 'audit.conf'],
    ...['mode/blocking.conf', 'mode/detection.conf'],
  ].map((name) => `${FIREWALL}/${name}`),
];
const GUARD = 'include /usr/share/caudal-gateway/proxied/*.conf;';
/** In this order; what comes too late has no say. */
const ORDER = [
  ...['engine.conf', 'modsecurity-mode.conf', 'crs-setup.conf', 'bodies.conf', 'exclusions.conf'],
  ...['REQUEST-90', 'REQUEST-91', 'REQUEST-92', 'REQUEST-93', 'REQUEST-941', 'REQUEST-942', 'REQUEST-944'],
  ...['own-rules.conf', 'exclusions-everywhere.conf', 'audit.conf', 'REQUEST-949'],
];
const PROBES = '^/health(?:/(?:live|ready|startup))?$';

/**
 * The firewall sees every request that goes to a process, in full; exclusions are narrow and say why.
 *
 * @param {Stack} stack
 * @returns {Finding[]}
 */
export function firewall({ services, files }) {
  const text = (/** @type {string} */ name) => withoutComments(files.get(`${FIREWALL}/${name}`) ?? '');
  const nginx = (/** @type {string} */ name) => withoutComments(files.get(`${NGINX}/${name}`) ?? '');
  const engine = (/** @type {string} */ name) =>
    new RegExp(`^${name} (.+)$`, 'm').exec(text('engine.conf'))?.[1] ?? '';
  const setup = (/** @type {string} */ name) =>
    Number(new RegExp(`tx\\.${name}=(\\d+)`).exec(text('crs-setup.conf'))?.[1] ?? 0);
  const bodyLimit = bytes(/client_max_body_size (\w+);/.exec(nginx('conf.d/limits.conf'))?.[1] ?? '0');
  const places = ORDER.map((name) => text('main.conf').indexOf(`/${name}`));
  const locations = nginx('conf.d/https.conf')
    .split(/^ {4}location /m)
    .slice(1);
  const own = services.get('nginx')?.volumes?.find((volume) => volume.includes('modsecurity-mode'));
  return [
    ...found('firewall-reach', 'nginx', [
      ...locations.map(
        (location) =>
          location.includes('proxy_pass') &&
          !location.includes(GUARD) &&
          `${location.split(' {')[0] ?? ''} goes to the processes past the firewall`,
      ),
      !/^recursive_error_pages on;$/m.test(nginx('snippets/problem-pages.conf')) &&
        'ModSecurity skips what comes through an error_page',
      !/^modsecurity on;$/m.test(text('proxied.conf')) && 'the firewall is not on',
      !/^error_page [\d ]*\b403\b[\d ]* @problem;$/m.test(nginx('snippets/problem-pages.conf')) &&
        'a refusal is no problem document',
      !text('http.conf').includes('modsecurity_transaction_id $gateway_request_id;') &&
        'its lines name requests differently from the access log',
    ]),
    ...found('firewall-engine', 'modsecurity', [
      places.some((place, index) => place === -1 || place < (places[index - 1] ?? 0)) &&
        'rules are missing or in another order',
      !/^SecRuleEngine On$/m.test(text('mode/blocking.conf')) && 'blocking does not block',
      !/^SecRuleEngine DetectionOnly$/m.test(text('mode/detection.conf')) && 'detection does more or less',
      own !== undefined && !own.includes('/mode/blocking.conf:') && 'the overlay does not block by default',
      engine('SecRequestBodyAccess') !== 'On' && 'bodies are not read',
      Number(engine('SecRequestBodyLimit')) !== bodyLimit && 'reads other bodies than nginx lets in',
      engine('SecRequestBodyLimitAction') !== 'Reject' && 'lets the rest of a large body pass unread',
      !text('bodies.conf').includes(`&ARGS "@ge ${engine('SecArgumentsLimit')}"`) &&
        'values beyond the limit pass unread',
      !/REQBODY_ERROR "!@eq 0" \\\n\s+"id:\d+,phase:2,deny/.test(text('bodies.conf')) &&
        'what cannot be read passes',
      !/Content-Encoding "!@rx \^\(\?:identity\)\?\$" \\\n\s+"id:\d+,phase:1,deny/.test(
        text('bodies.conf'),
      ) && 'what is compressed passes unread',
      engine('SecAuditEngine') !== 'Off' && 'writes matched values, and with them secrets',
      setup('paranoia_level') < 1 && 'has no paranoia level',
      !(setup('inbound_anomaly_score_threshold') > 0 && setup('inbound_anomaly_score_threshold') <= 5) &&
        'lets a critical finding pass',
    ]),
    ...exclusions(files.get(`${FIREWALL}/exclusions.conf`) ?? ''),
    ...everywhere(files.get(`${FIREWALL}/exclusions-everywhere.conf`) ?? ''),
  ];
}

/** Each says why, and is bound to paths, to methods and to one variable. @param {string} text */
function exclusions(text) {
  return text.split(/\n\n/).flatMap((paragraph) => {
    const rule = withoutComments(paragraph).trim();
    if (rule === '') return [];
    const [, id = rule.slice(0, 40)] = /id:(\d+)/.exec(rule) ?? [];
    const [, path = ''] = /^SecRule (?:REQUEST_FILENAME|REQUEST_URI) "@rx ([^"]+)"/.exec(rule) ?? [];
    const controls = [...rule.matchAll(/ctl:([^,"\s]+)/g)].map(([, control = '']) => control);
    return found('firewall-exclusions', id, [
      !paragraph.startsWith('#') && 'does not say why',
      !(path.startsWith('^/') && path.endsWith('$')) && 'is not bound to a path',
      !/SecRule REQUEST_METHOD "@(?:streq|rx) [^"]+"/.test(rule) && 'is not bound to a method',
      controls.length === 0 && 'excludes nothing',
      ...controls.map(
        (control) =>
          !/^ruleRemoveTargetById=\d{6};ARGS:[\w.]+$/.test(control) &&
          !/^ruleRemoveTargetByTag=(?:OWASP_CRS|CAUDAL);ARGS:json\.password$/.test(control) &&
          !(control === 'ruleEngine=Off' && path === PROBES) &&
          `${control} is wider than one rule and one variable`,
      ),
    ]);
  });
}

/** Whole rules that are taken out, each by its number and with its reason. @param {string} text */
function everywhere(text) {
  return [...withoutComments(text).matchAll(/^Sec\w+ (.+)$/gm)].flatMap(([line, ids = '']) =>
    found('firewall-exclusions', ids, [
      !/^SecRuleRemoveById \d{6}$/.test(line) && 'takes out more than one rule',
      !text.includes(`# ${ids}: `) && 'does not say why',
    ]),
  );
}

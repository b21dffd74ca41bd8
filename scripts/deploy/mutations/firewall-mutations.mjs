// @ts-check
// Mistakes in the firewall of the gateway: ways past it, values that it does not read, exclusions wider than their reason.
const OVERLAY = 'deployment/docker/compose.modsecurity.yml';
const NGINX = 'deployment/docker/nginx';
const HTTPS = `${NGINX}/conf.d/https.conf`;
const LIMITS = `${NGINX}/conf.d/limits.conf`;
const PAGES = `${NGINX}/snippets/problem-pages.conf`;
const FIREWALL = `${NGINX}/modsecurity`;
const ENGINE = `${FIREWALL}/engine.conf`;
const EXCLUSIONS = `${FIREWALL}/exclusions.conf`;
const GUARD = 'include /usr/share/caudal-gateway/proxied/*.conf;';

/** @type {readonly import('./mutation.mjs').Mutation[]} */
export const FIREWALL_MUTATIONS = [
  ['firewall-reach', 'a way past it', HTTPS, `@once {\n        ${GUARD}`, '@once {'],
  ['firewall-reach', 'WebSockets past it', HTTPS, `/api/v1/ws/ {\n        ${GUARD}`, '/api/v1/ws/ {'],
  ['firewall-reach', 'error pages', PAGES, 'recursive_error_pages on', 'recursive_error_pages off'],
  ['firewall-reach', 'hidden refusal', PAGES, 'error_page 403 404', 'error_page 404'],
  ['firewall-reach', 'off', `${FIREWALL}/proxied.conf`, 'modsecurity on', 'modsecurity off'],
  ['firewall-reach', 'names of its own', `${FIREWALL}/http.conf`, '$gateway_request_id', '$request_id'],
  [
    'firewall-engine',
    'detection for blocking',
    `${FIREWALL}/mode/blocking.conf`,
    'Engine On',
    'Engine DetectionOnly',
  ],
  ['firewall-engine', 'off for detection', `${FIREWALL}/mode/detection.conf`, 'DetectionOnly', 'Off'],
  ['firewall-engine', 'detection by default', OVERLAY, ':-blocking', ':-detection'],
  ['firewall-engine', 'no bodies', ENGINE, 'BodyAccess On', 'BodyAccess Off'],
  ['firewall-engine', 'the start of bodies', ENGINE, 'LimitAction Reject', 'LimitAction ProcessPartial'],
  ['firewall-engine', 'smaller bodies', ENGINE, 'BodyLimit 65536', 'BodyLimit 8192'],
  [
    'firewall-engine',
    'larger bodies in nginx',
    LIMITS,
    'client_max_body_size 64k',
    'client_max_body_size 1m',
  ],
  ['firewall-engine', 'values past the limit', ENGINE, 'ArgumentsLimit 1100', 'ArgumentsLimit 100'],
  ['firewall-engine', 'broken JSON', `${FIREWALL}/bodies.conf`, /(REQBODY_ERROR[^]*?phase:2,)deny/, '$1pass'],
  [
    'firewall-engine',
    'compressed bodies',
    `${FIREWALL}/bodies.conf`,
    /(Encoding[^]*?phase:1,)deny/,
    '$1pass',
  ],
  ['firewall-engine', 'values in the log', ENGINE, 'AuditEngine Off', 'AuditEngine RelevantOnly'],
  [
    'firewall-engine',
    'threshold of the anxious',
    `${FIREWALL}/crs-setup.conf`,
    /score_threshold=5/,
    'score_threshold=50',
  ],
  ['firewall-engine', 'no rules of SQL', `${FIREWALL}/main.conf`, /^.*REQUEST-942.*\n/m, ''],
  ['firewall-engine', 'nothing that refuses', `${FIREWALL}/main.conf`, /^.*REQUEST-949.*\n/m, ''],
  [
    'firewall-engine',
    'exclusions too late',
    `${FIREWALL}/main.conf`,
    /^(.*\/exclusions\.conf\n)([^]*)$/m,
    '$2$1',
  ],
  [
    'firewall-exclusions',
    'the whole engine',
    EXCLUSIONS,
    'ruleRemoveTargetById=942190;ARGS:json.name',
    'ruleEngine=Off',
  ],
  [
    'firewall-exclusions',
    'a whole rule',
    EXCLUSIONS,
    'ruleRemoveTargetById=942190;ARGS:json.name',
    'ruleRemoveById=942190',
  ],
  [
    'firewall-exclusions',
    'all rules for a value',
    EXCLUSIONS,
    'ruleRemoveTargetById=942190;ARGS:json.name',
    'ruleRemoveTargetByTag=OWASP_CRS;ARGS:json.name',
  ],
  ['firewall-exclusions', 'all values', EXCLUSIONS, '942190;ARGS:json.name', '942190;ARGS'],
  ['firewall-exclusions', 'without a reason', EXCLUSIONS, /# 942190: .*\n/, ''],
  [
    'firewall-exclusions',
    'every method',
    EXCLUSIONS,
    'SecRule REQUEST_METHOD "@streq POST" "t:none,ctl',
    'SecRule REQUEST_FILENAME "@unconditionalMatch" "t:none,ctl',
  ],
  ['firewall-exclusions', 'every path', EXCLUSIONS, 'auth/(?:register|login)/?$', '.*'],
  [
    'firewall-exclusions',
    'a file of rules',
    `${FIREWALL}/exclusions-everywhere.conf`,
    'ById 941310',
    'ByTag attack-xss',
  ],
  [
    'firewall-exclusions',
    'a number without a reason',
    `${FIREWALL}/exclusions-everywhere.conf`,
    '# 941310: ',
    '# ',
  ],
];

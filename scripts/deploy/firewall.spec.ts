import { ENVIRONMENT } from '../../src/config/environment.js';
import { OVERLAYS, parseStack, readStackFiles } from './compose-stack.mjs';
import { firewall } from './rules/firewall-rules.mjs';

const settings = new Map(Object.entries(ENVIRONMENT));
const FILES: ReadonlyMap<string, string> = readStackFiles();
const OVERLAY = 'deployment/docker/compose.modsecurity.yml';

/** The rules that find something, with one file of another content. */
function brokenRules(changed = '', content = ''): string[] {
  const files = new Map([...FILES, ...(changed === '' ? [] : [[changed, content] as const])]);
  return [...new Set(firewall(parseStack(files, settings, OVERLAY)).map(({ rule }) => rule))];
}

type Mutation = readonly [rule: string, what: string, file: string, from: string | RegExp, to: string];

const GUARD = 'include /usr/share/caudal-gateway/proxied/*.conf;';

/** One fault each, of the kind that people make; the rule named has to find it. */
const MUTATIONS: readonly Mutation[] = [
  ['reach', 'a way past it', 'conf.d/https.conf', `@once {\n        ${GUARD}`, '@once {'],
  ['reach', 'WebSockets past it', 'conf.d/https.conf', `/api/v1/ws/ {\n        ${GUARD}`, '/api/v1/ws/ {'],
  [
    'reach',
    'error pages',
    'snippets/problem-pages.conf',
    'recursive_error_pages on',
    'recursive_error_pages off',
  ],
  ['reach', 'hidden refusal', 'snippets/problem-pages.conf', 'error_page 403 404', 'error_page 404'],
  ['reach', 'off', 'modsecurity/proxied.conf', 'modsecurity on', 'modsecurity off'],
  ['reach', 'names of its own', 'modsecurity/http.conf', '$gateway_request_id', '$request_id'],
  ['engine', 'detection for blocking', 'modsecurity/mode/blocking.conf', 'Engine On', 'Engine DetectionOnly'],
  ['engine', 'off for detection', 'modsecurity/mode/detection.conf', 'DetectionOnly', 'Off'],
  ['engine', 'detection by default', OVERLAY, ':-blocking', ':-detection'],
  ['engine', 'no bodies', 'modsecurity/engine.conf', 'BodyAccess On', 'BodyAccess Off'],
  [
    'engine',
    'the start of bodies',
    'modsecurity/engine.conf',
    'LimitAction Reject',
    'LimitAction ProcessPartial',
  ],
  ['engine', 'smaller bodies', 'modsecurity/engine.conf', 'BodyLimit 65536', 'BodyLimit 8192'],
  [
    'engine',
    'larger bodies in nginx',
    'conf.d/limits.conf',
    'client_max_body_size 64k',
    'client_max_body_size 1m',
  ],
  ['engine', 'values past the limit', 'modsecurity/engine.conf', 'ArgumentsLimit 1100', 'ArgumentsLimit 100'],
  ['engine', 'broken JSON', 'modsecurity/bodies.conf', /(REQBODY_ERROR[^]*?phase:2,)deny/, '$1pass'],
  ['engine', 'compressed bodies', 'modsecurity/bodies.conf', /(Encoding[^]*?phase:1,)deny/, '$1pass'],
  ['engine', 'values in the log', 'modsecurity/engine.conf', 'AuditEngine Off', 'AuditEngine RelevantOnly'],
  [
    'engine',
    'threshold of the anxious',
    'modsecurity/crs-setup.conf',
    /score_threshold=5/,
    'score_threshold=50',
  ],
  ['engine', 'no rules of SQL', 'modsecurity/main.conf', /^.*REQUEST-942.*\n/m, ''],
  ['engine', 'nothing that refuses', 'modsecurity/main.conf', /^.*REQUEST-949.*\n/m, ''],
  ['engine', 'exclusions too late', 'modsecurity/main.conf', /^(.*\/exclusions\.conf\n)([^]*)$/m, '$2$1'],
  [
    'exclusions',
    'the whole engine',
    'modsecurity/exclusions.conf',
    'ruleRemoveTargetById=942190;ARGS:json.name',
    'ruleEngine=Off',
  ],
  [
    'exclusions',
    'a whole rule',
    'modsecurity/exclusions.conf',
    'ruleRemoveTargetById=942190;ARGS:json.name',
    'ruleRemoveById=942190',
  ],
  [
    'exclusions',
    'all rules for a value',
    'modsecurity/exclusions.conf',
    'ruleRemoveTargetById=942190;ARGS:json.name',
    'ruleRemoveTargetByTag=OWASP_CRS;ARGS:json.name',
  ],
  ['exclusions', 'all values', 'modsecurity/exclusions.conf', '942190;ARGS:json.name', '942190;ARGS'],
  ['exclusions', 'without a reason', 'modsecurity/exclusions.conf', /# 942190: .*\n/, ''],
  [
    'exclusions',
    'every method',
    'modsecurity/exclusions.conf',
    'SecRule REQUEST_METHOD "@streq POST" "t:none,ctl',
    'SecRule REQUEST_FILENAME "@unconditionalMatch" "t:none,ctl',
  ],
  ['exclusions', 'every path', 'modsecurity/exclusions.conf', 'auth/(?:register|login)/?$', '.*'],
  [
    'exclusions',
    'a file of rules',
    'modsecurity/exclusions-everywhere.conf',
    'ById 941310',
    'ByTag attack-xss',
  ],
  ['exclusions', 'a number without a reason', 'modsecurity/exclusions-everywhere.conf', '# 941310: ', '# '],
];

describe('the firewall of the gateway', () => {
  it('has nothing against itself, in the stack with its overlay', () => {
    expect(OVERLAYS).toContain(OVERLAY);
    expect(brokenRules()).toEqual([]);
  });

  it('is judged by rules that catch every seeded mutation', () => {
    const survivors = MUTATIONS.filter(([rule, , name, from, to]) => {
      const file = FILES.has(name) ? name : `deployment/docker/nginx/${name}`;
      const original = FILES.get(file) ?? '';
      const mutated = original.replace(from, to);
      if (mutated === original) throw new Error(`"${String(from)}" is not in ${file}`);
      return !brokenRules(file, mutated).includes(`firewall-${rule}`);
    });
    const caught = MUTATIONS.length - survivors.length;
    process.stdout.write(`firewall mutations: ${String(caught)} of ${String(MUTATIONS.length)} caught\n`);
    expect(survivors.map(([rule, what]) => `${rule}: ${what}`)).toEqual([]);
  });
});

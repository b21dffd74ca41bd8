// @ts-check
import { found } from './pod-rules.mjs';

/** @typedef {import('../manifests.mjs').Finding} Finding */

const STAGES = ['dependencies', 'build', 'production'];
const HEALTH_CHECK_SECONDS = 5;
const SECRET = /(KEY|PASSWORD|PASSWD|TOKEN|SECRET|CREDENTIALS?)S?=(?!(true|false)\b)/i;

/**
 * The last stage runs as a numbered user and as its command, holds production packages and no secret.
 *
 * @param {string} text of the Dockerfile
 * @param {string} where
 * @returns {Finding[]}
 */
export function dockerfile(text, where) {
  const instructions = dockerInstructions(text);
  const starts = instructions.flatMap(({ name }, index) => (name === 'FROM' ? [index] : []));
  const last = instructions.slice(starts.at(-1));
  const stages = instructions.flatMap(({ name, rest }) =>
    name === 'FROM' ? [(/\sAS\s+(\S+)$/i.exec(rest)?.[1] ?? '').toLowerCase()] : [],
  );
  const arguments_ = new Map(
    instructions.flatMap(({ name, rest }) => {
      const [key = '', value = ''] = rest.split('=');
      return name === 'ARG' ? [/** @type {[string, string]} */ ([key, value])] : [];
    }),
  );
  const bases = instructions.flatMap(({ name, rest }) => {
    const base = (rest.split(/\s+/)[0] ?? '').replace(
      /\$\{?(\w+)\}?/,
      (_, /** @type {string} */ key) => arguments_.get(key) ?? '',
    );
    return name === 'FROM' && !stages.includes(base) ? [base] : [];
  });
  const lastOf = (/** @type {string} */ wanted) => last.filter(({ name }) => name === wanted).at(-1)?.rest;
  const commands = instructions.filter(({ name }) => name === 'RUN').map(({ rest }) => rest);
  const health = lastOf('HEALTHCHECK') ?? '';
  const [, healthSeconds = '0'] = /--timeout=(\d+)s/.exec(health) ?? [];
  const [, user = ''] = /^(\d+)(?::\d+)?$/.exec(lastOf('USER') ?? '') ?? [];
  return found('image', where, [
    STAGES.join() !== stages.join() && `the stages are ${stages.join(', ')}, not ${STAGES.join(', ')}`,
    ...bases.map((base) => !/(:[\w.-]*\d+\.\d+|@sha256:)/.test(base) && `${base} names no version`),
    !(Number(user) >= 10_000) && 'the last stage has no numbered user from 10000 on',
    !isExec(lastOf('ENTRYPOINT')) && 'ENTRYPOINT is not in the exec form',
    !isExec(lastOf('CMD')) && 'CMD is not in the exec form',
    /"(npm|npx|sh|bash)"/.test(`${lastOf('ENTRYPOINT') ?? ''}${lastOf('CMD') ?? ''}`) &&
      'npm or a shell stands between the signal and Node',
    !isExec(health.replace(/^.*?CMD\s*/, '')) && 'HEALTHCHECK is not in the exec form',
    Number(healthSeconds) <= HEALTH_CHECK_SECONDS && 'HEALTHCHECK is killed before it gives up by itself',
    lastOf('STOPSIGNAL') !== 'SIGTERM' && 'STOPSIGNAL is not SIGTERM',
    lastOf('ENV')?.includes('NODE_ENV=production') !== true && 'NODE_ENV is not production',
    instructions.some(({ name, rest }) => ['ENV', 'ARG'].includes(name) && SECRET.test(`${rest}=`)) &&
      'a secret in ENV or ARG stays in the image',
    instructions.some(({ name }) => name === 'ADD') && 'ADD also unpacks and downloads: use COPY',
    !commands.some((command) => command.includes('npm ci --omit=dev')) && 'no `npm ci --omit=dev`',
    commands.some((command) => /npm (i|install|update)\b/.test(command)) && 'installs past the lock file',
    last.some(({ name, rest }) => name === 'COPY' && /^(?:--\S+ )*\.\/? /.test(rest)) && 'copies everything',
    last.some(({ name, rest }) => name === 'COPY' && /--from=\S+ \/app\/node_modules/.test(rest)) &&
      'takes the development packages along',
    !last.some(({ name, rest }) => name === 'COPY' && rest.includes('dist')) && 'has no application',
    last.some(({ name }) => name === 'RUN') && 'the last stage only copies',
    !last.some(({ name, rest }) => name === 'LABEL' && rest.includes('org.opencontainers.image.revision')) &&
      'has no OCI labels',
  ]);
}

/**
 * The build sees what it copies and nothing else.
 *
 * @param {string} text of .dockerignore
 * @returns {Finding[]}
 */
export function dockerignore(text) {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return found('image', '.dockerignore', [
    lines[0] !== '*' && 'does not leave everything out first',
    lines.some((line) => /^!.*(\.env|\.git\b|secret|\.caudal|node_modules)/.test(line)) &&
      'lets in what may hold secrets',
  ]);
}

/** @param {string | undefined} rest */
function isExec(rest) {
  try {
    return Array.isArray(JSON.parse(rest ?? ''));
  } catch {
    return false;
  }
}

/**
 * @param {string} text
 * @returns {{ name: string, rest: string }[]}
 */
export function dockerInstructions(text) {
  const lines = text
    .split('\n')
    .filter((line) => !line.trim().startsWith('#'))
    .join('\n')
    .replaceAll(/\\\n\s*/g, '');
  return lines.split('\n').flatMap((line) => {
    const [, name, rest = ''] = /^\s*([A-Za-z]+)\s+(.*)$/.exec(line) ?? [];
    return name === undefined ? [] : [{ name: name.toUpperCase(), rest: rest.trim() }];
  });
}

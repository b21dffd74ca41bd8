// @ts-check
import { dockerInstructions } from './image-rules.mjs';
import { found } from './pod-rules.mjs';

const SECRET = /(KEY|PASSWORD|PASSWD|TOKEN|SECRET|PASSPHRASE)/i;

/**
 * The images of servers that are other people's programs with our settings: the backup and the gateway.
 *
 * @param {string} text of the Dockerfile
 * @param {string} where
 * @param {readonly string[]} needed what it has to install or to copy
 * @returns {import('../manifests.mjs').Finding[]}
 */
export function serverImage(text, where, needed) {
  const instructions = dockerInstructions(text);
  const of = (/** @type {string} */ wanted) =>
    instructions.filter(({ name }) => name === wanted).map(({ rest }) => rest);
  const commands = of('RUN');
  const installs = commands.filter((command) => command.includes('apt-get install'));
  // A file is copied; a package is one word of what is installed.
  const has = (/** @type {string} */ what) =>
    what.includes('.')
      ? of('COPY').some((rest) => rest.includes(`/${what}`))
      : installs.some((command) => command.split(/\s+/).includes(what));
  return found('server-image', where, [
    of('FROM').length !== 1 && 'has not one base',
    of('ADD').length > 0 && 'ADD also unpacks and downloads: use COPY',
    installs.some((command) => !command.includes('--no-install-recommends')) &&
      'installs what nobody asked for',
    installs.some((command) => !/apt-get update\s*&&/.test(command)) && 'installs from lists of another day',
    installs.some((command) => !command.includes('rm -rf /var/lib/apt/lists/*')) &&
      'keeps the lists of packages',
    commands.some((command) => /\b(?:curl|wget)\b[^|&]*(?:https?:|\|)/.test(command)) &&
      'runs or keeps what it downloads, past the packages that are signed',
    commands.some((command) => /--allow-unauthenticated|trusted=yes|AllowInsecure/.test(command)) &&
      'takes packages that nobody signed',
    commands.some((command) => /chmod\s+(?:-R\s+)?0?777/.test(command)) && 'lets everybody write',
    [...of('ENV'), ...of('ARG')].some((rest) => SECRET.test(rest.split('=')[0] ?? '')) &&
      'a secret in ENV or ARG stays in the image',
    of('COPY').some((rest) => /(?:^|\s)\S*(?:secrets|\.env|backup-key|\.pem)\b/.test(rest)) &&
      'copies a secret',
    of('USER').at(-1) === 'root' && 'runs as root by its own will',
    ...needed.map((what) => !has(what) && `does not have ${what}, which it needs`),
  ]);
}

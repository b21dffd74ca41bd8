// @ts-check
import { found } from './pod-rules.mjs';

/**
 * @typedef {import('../manifests.mjs').Finding} Finding
 * @typedef {import('../compose-stack.mjs').Service} Service
 * @typedef {import('../compose-stack.mjs').Stack} Stack
 */

/** Of .env, which the processes read as a whole: kept from them, so that a deployment does not make all of them anew. */
export const KEPT_FROM_PROCESSES = ['CAUDAL_IMAGE', 'CAUDAL_COLOUR'];

/** Ours are of the application's image. @param {Service} service */
export const isApplication = ({ image = '' }) => /(^|\/)caudal[:@]/.test(image);

/**
 * deployment/scripts/deploy.sh can put another colour beside the one that runs: each process has a name and a spool with
 * its colour, and the gateway knows the processes by these names, each twice (ADR 0022), wherever they are.
 *
 * @param {Stack} stack
 * @returns {Finding[]}
 */
export function colours({ services, files }) {
  const upstreams = files.get('deployment/docker/nginx/upstreams.conf') ?? '';
  const running = [...services].filter(([, service]) => isApplication(service) && service.restart !== 'no');
  const processes = running.flatMap(([name, service]) => {
    const { networks = [], environment = {}, volumes = [], labels = {}, hostname } = service;
    const { aliases = [] } = Array.isArray(networks) ? {} : (networks['internal'] ?? {});
    const isApi = environment['ROLE'] === 'api';
    const listed = upstreams.split('\n').filter((line) => line.startsWith(`server ${name}-blue:3000 `));
    return found('compose-colours', name, [
      labels['caudal.colour'] !== 'blue' && 'does not say its colour',
      KEPT_FROM_PROCESSES.some((variable) => environment[variable] !== '') &&
        'is made anew whenever .env says another image',
      hostname !== name && 'does not find its spool again when it is made anew',
      !volumes.includes(`spool-${name}-blue:/var/spool/caudal`) && 'shares its spool with the other colour',
      isApi && !aliases.includes('app') && 'is not found by Prometheus',
      isApi && !aliases.includes(`${name}-blue`) && 'has no name with its colour',
      isApi && listed.length !== 2 && 'is not listed twice for the gateway',
    ]);
  });
  const nginx = services.get('nginx');
  return [
    ...processes,
    ...found('compose-colours', 'nginx', [
      nginx !== undefined &&
        nginx.entrypoint?.includes('/etc/nginx/start.sh') !== true &&
        'asks the processes at the addresses that they had when it started',
    ]),
  ];
}

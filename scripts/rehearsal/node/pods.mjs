// @ts-check
import { readFileSync } from 'node:fs';
import { until } from '../cache.mjs';
import { parseJson } from '../../services/json-file.mjs';
import { processIds, statOf } from './stores.mjs';

const NAMESPACE = 'caudal';

/**
 * @typedef {object} Pod
 * @property {string} name
 * @property {string} uid
 * @property {string} component
 * @property {string} address
 * @property {Record<string, string>} labels
 * @property {boolean} isReady
 * @property {boolean} isLeaving
 * @property {number} restarts
 * @property {string} lastEnd why its container ended the last time: OOMKilled, Error …
 */

/**
 * @typedef {object} PodObject
 * @property {{ name: string, uid: string, labels: Record<string, string>, deletionTimestamp?: string }} metadata
 * @property {{ podIP?: string, conditions?: { type: string, status: string }[], containerStatuses?: { restartCount: number,
 *   lastState?: { terminated?: { reason?: string, exitCode?: number } } }[] }} status
 */

export class Pods {
  /** @param {import('../control-plane.mjs').ControlPlane['kubectl']} kubectl */
  constructor(kubectl) {
    this.kubectl = kubectl;
  }

  /** @param {string} [component] of all kinds when not given @returns {Promise<Pod[]>} */
  async list(component) {
    const selector = component === undefined ? [] : [`--selector=app.kubernetes.io/component=${component}`];
    const { items } = /** @type {{ items: PodObject[] }} */ (
      parseJson(await this.kubectl(['get', 'pods', '--namespace', NAMESPACE, ...selector, '--output=json']))
    );
    return items.map(({ metadata, status }) => {
      const [container] = status.containerStatuses ?? [];
      const end = container?.lastState?.terminated;
      return {
        ...{ name: metadata.name, uid: metadata.uid, labels: metadata.labels, address: status.podIP ?? '' },
        component: metadata.labels['app.kubernetes.io/component'] ?? '',
        isReady: (status.conditions ?? []).some(({ type, status: is }) => type === 'Ready' && is === 'True'),
        isLeaving: metadata.deletionTimestamp !== undefined,
        restarts: container?.restartCount ?? 0,
        lastEnd: end === undefined ? '' : `${end.reason ?? ''} ${String(end.exitCode ?? '')}`.trim(),
      };
    });
  }

  /** Those of the API that are there to stay, once so many of them are ready and no others are left. @param {number} count */
  async whenReady(count, withinMs = 180_000) {
    return until(`${String(count)} pods of the API`, withinMs, async () => {
      const pods = await this.list('api');
      return pods.length === count && pods.every(({ isReady, isLeaving }) => isReady && !isLeaving) && pods;
    });
  }

  /** @param {string} name @returns {Promise<Pod>} */
  async get(name) {
    const pod = (await this.list()).find((each) => each.name === name);
    if (pod === undefined) throw new Error(`there is no pod ${name} any more`);
    return pod;
  }

  /**
   * Once its container was started anew and is ready again.
   *
   * @param {Pod} before
   * @param {number} [withinMs]
   */
  async whenRestarted(before, withinMs = 180_000) {
    return until(`${before.name} to be back`, withinMs, async () => {
      const pod = await this.get(before.name);
      return pod.restarts > before.restarts && pod.isReady && pod;
    });
  }
}

/** The process of the application in a pod, as this machine sees it. @param {Pod} pod */
export function processIn({ name, uid }) {
  const pid = processIds().find(
    (each) => fileOf(each, 'cgroup').includes(uid) && fileOf(each, 'cmdline').includes('dist/main.js'),
  );
  if (pid === undefined || statOf(pid).length === 0) throw new Error(`no process of ${name} is found`);
  return pid;
}

/** @param {number} pid @param {string} file */
function fileOf(pid, file) {
  try {
    return readFileSync(`/proc/${String(pid)}/${file}`, 'utf8');
  } catch {
    return '';
  }
}

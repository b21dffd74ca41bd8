// @ts-check
import {
  amount,
  containersOf,
  environmentOf,
  isOurs,
  nameOf,
  ofKind,
  podOf,
  secondsToEnd,
  workloadsOf,
} from '../manifests.mjs';

/**
 * @typedef {import('../manifests.mjs').Deployment} Deployment
 * @typedef {import('../manifests.mjs').Finding} Finding
 * @typedef {import('../kubernetes-objects.d.ts').Container} Container
 */

/** Probes by what they may look at; the wrong one restarts a fleet when a dependency fails. */
const PROBE_PATHS = {
  startupProbe: '/health/startup',
  readinessProbe: '/health/ready',
  livenessProbe: '/health/live',
};
const HEAP_SHARE_MAX = 0.75;
/** A process that does not turn its loop has nothing to finish (rehearse:node: 73 s to be back with the pod's 45 s). */
const HUNG_GRACE_SECONDS_MAX = 15;
const MEBIBYTE = 1024 * 1024;

/**
 * Pod Security "restricted", and more: no writable root file system, no token, no user below 10000.
 *
 * @param {Deployment} deployment
 * @returns {Finding[]}
 */
export function restrictedPods({ objects }) {
  return workloadsOf(objects).flatMap((workload) => {
    const pod = podOf(workload);
    const problems = [
      pod.securityContext?.runAsNonRoot !== true && 'runAsNonRoot is not true',
      !((pod.securityContext?.runAsUser ?? 0) >= 10_000) && 'runAsUser is not a number from 10000 on',
      pod.securityContext?.seccompProfile?.type !== 'RuntimeDefault' &&
        'seccompProfile is not RuntimeDefault',
      (pod.hostNetwork === true || pod.hostPID === true || pod.hostIPC === true) &&
        'shares a namespace of the host',
      (pod.volumes ?? []).some(({ hostPath }) => hostPath !== undefined) && 'mounts a path of the host',
      pod.automountServiceAccountToken !== false && 'gets a token of the API server',
      ...containersOf(workload).flatMap(({ name = '?', securityContext = {} }) => [
        securityContext.privileged === true && `${name}: privileged`,
        securityContext.allowPrivilegeEscalation !== false &&
          `${name}: allowPrivilegeEscalation is not false`,
        securityContext.readOnlyRootFilesystem !== true && `${name}: the root file system is writable`,
        !(securityContext.capabilities?.drop ?? []).includes('ALL') &&
          `${name}: capabilities are not dropped`,
        (securityContext.capabilities?.add ?? []).length > 0 && `${name}: capabilities are added`,
        securityContext.runAsNonRoot === false && `${name}: runs as root`,
        (securityContext.runAsUser ?? 10_000) < 10_000 && `${name}: runAsUser is below 10000`,
      ]),
    ];
    return found('restricted-pods', nameOf(workload), problems);
  });
}

/**
 * Memory and temporary storage are bounded, memory by what is requested; no CPU limit, which would throttle a
 * single-threaded process; images have a version; the heap fits.
 *
 * @param {Deployment} deployment
 * @returns {Finding[]}
 */
export function resources({ objects }) {
  return workloadsOf(objects).flatMap((workload) =>
    containersOf(workload).flatMap((container) => {
      const { name = '?', image = '', resources: { requests = {}, limits = {} } = {} } = container;
      return found('resources', `${nameOf(workload)} ${name}`, [
        ['cpu', 'memory', 'ephemeral-storage'].some((kind) => requests[kind] === undefined) &&
          'cpu, memory and ephemeral-storage are not all requested',
        limits['ephemeral-storage'] === undefined && 'ephemeral-storage has no limit',
        (limits['memory'] === undefined || amount(limits['memory']) !== amount(requests['memory'])) &&
          'the limit of memory is not what is requested',
        limits['cpu'] !== undefined && 'the CPU has a limit',
        (!/[:@][\w.:-]*\d[\w.:-]*$/.test(image) || image.endsWith(':latest')) &&
          `image ${image} names no version`,
        heapProblem(environmentOf(objects, container).get('NODE_OPTIONS') ?? '', limits['memory']),
      ]);
    }),
  );
}

/**
 * @param {string} options
 * @param {string | number | undefined} limit
 */
function heapProblem(options, limit) {
  const [, mebibytes] = /--max[-_]old[-_]space[-_]size=(\d+)/.exec(options) ?? [];
  if (mebibytes === undefined || limit === undefined) return false;
  return (
    Number(mebibytes) * MEBIBYTE > amount(limit) * HEAP_SHARE_MAX &&
    `a heap of ${mebibytes} MiB is more than 75 % of the memory limit`
  );
}

/**
 * @param {Deployment} deployment
 * @returns {Finding[]}
 */
export function probes({ objects }) {
  return ofKind(objects, 'Deployment').flatMap((workload) =>
    containersOf(workload).flatMap((container) => {
      const { name = '?', ports = [] } = container;
      const named = new Set(ports.flatMap((port) => [port.name, port.containerPort]));
      const kinds = /** @type {(keyof typeof PROBE_PATHS)[]} */ (Object.keys(PROBE_PATHS));
      const problems = kinds.flatMap((kind) => {
        const probe = container[kind];
        const port = probe?.httpGet?.port ?? probe?.tcpSocket?.port;
        return [
          isOurs(container) &&
            probe?.httpGet?.path !== PROBE_PATHS[kind] &&
            `${kind} does not ask ${PROBE_PATHS[kind]}`,
          isOurs(container) &&
            probe?.httpGet?.port !== 'management' &&
            `${kind} does not ask the management port`,
          port !== undefined && !named.has(port) && `${kind} asks a port that the container does not have`,
          probe?.exec !== undefined && `${kind} starts a process each time`,
        ];
      });
      const startupMs =
        (container.startupProbe?.periodSeconds ?? 10) *
        (container.startupProbe?.failureThreshold ?? 3) *
        1000;
      const deadlineMs = Number(environmentOf(objects, container).get('STARTUP_DEADLINE_MS') ?? 30_000);
      return found('probes', `${nameOf(workload)} ${name}`, [
        ...problems,
        container.readinessProbe === undefined && 'there is no readinessProbe',
        JSON.stringify(container.livenessProbe) === JSON.stringify(container.readinessProbe) &&
          'liveness and readiness are the same probe',
        isOurs(container) &&
          !((container.livenessProbe?.terminationGracePeriodSeconds ?? Infinity) <= HUNG_GRACE_SECONDS_MAX) &&
          'a process that hangs keeps the grace of a drain, and nobody else takes its place',
        isOurs(container) &&
          startupMs <= deadlineMs &&
          'the startup probe gives up before STARTUP_DEADLINE_MS has told why',
      ]);
    }),
  );
}

/**
 * A pod is left alone until its process has ended by itself, and its process accepts until everybody has
 * noticed that it is not ready.
 *
 * @param {Deployment} deployment
 * @returns {Finding[]}
 */
export function shutdown({ objects }) {
  return ofKind(objects, 'Deployment').flatMap((workload) =>
    containersOf(workload).flatMap((container) => {
      if (!isOurs(container)) return [];
      const { readinessProbe: { periodSeconds = 10, failureThreshold = 3 } = {} } = container;
      const delayMs = Number(environmentOf(objects, container).get('SHUTDOWN_DELAY_MS') ?? 0);
      const grace = podOf(workload).terminationGracePeriodSeconds ?? 30;
      return found('shutdown', nameOf(workload), [
        secondsToEnd(objects, container) >= grace &&
          `SHUTDOWN_DELAY_MS + SHUTDOWN_DEADLINE_MS + 2 s is not below the grace period of ${String(grace)} s`,
        delayMs < periodSeconds * failureThreshold * 1000 &&
          'SHUTDOWN_DELAY_MS is shorter than readiness takes to turn',
        container.lifecycle?.preStop !== undefined && 'a preStop hook: the process waits by itself',
      ]);
    }),
  );
}

/**
 * @param {string} rule
 * @param {string} where
 * @param {readonly (string | false)[]} problems
 * @returns {Finding[]}
 */
export function found(rule, where, problems) {
  return problems.flatMap((message) => (message === false ? [] : [{ rule, where, message }]));
}

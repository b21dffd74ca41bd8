// @ts-check
// What the namespace is to refuse, asked of a real admission: each pod has one thing wrong, and one has none.
import { until } from '../cache.mjs';

/**
 * @typedef {import('../control-plane.mjs').ControlPlane} ControlPlane
 * @typedef {import('../cache.mjs').Rehearsal} Rehearsal
 */

const REFUSED_MS = 60_000;

/**
 * As the restricted standard wants it, but for what is given.
 *
 * @param {string} name
 * @param {{ pod?: object, container?: object, security?: object, resources?: object }} [wrong]
 */
const podOf = (name, { pod, container, security, resources } = {}) => ({
  ...{ apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'caudal' } },
  spec: {
    securityContext: { runAsNonRoot: true, runAsUser: 65532, seccompProfile: { type: 'RuntimeDefault' } },
    containers: [
      {
        ...{ name: 'any', image: 'any' },
        securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] }, ...security },
        ...(resources && { resources }),
        ...container,
      },
    ],
    ...pod,
  },
});

const UNSAFE = [
  podOf('privileged', { security: { privileged: true, allowPrivilegeEscalation: true } }),
  podOf('as-root', { security: { runAsUser: 0, runAsNonRoot: false } }),
  podOf('escalates', { security: { allowPrivilegeEscalation: true } }),
  podOf('keeps-capabilities', { security: { capabilities: {} } }),
  podOf('without-seccomp', { pod: { securityContext: { runAsNonRoot: true } } }),
  podOf('in-the-network-of-the-host', { pod: { hostNetwork: true } }),
  podOf('sees-the-host', { pod: { volumes: [{ name: 'host', hostPath: { path: '/' } }] } }),
];

/**
 * @param {ControlPlane} controlPlane
 * @param {Rehearsal} rehearsal
 */
export async function showRefusals(controlPlane, { goal }) {
  const { kubectl } = controlPlane;
  const create = (/** @type {object} */ object) =>
    kubectl(['create', '-f', '-'], JSON.stringify(object)).then(
      () => '',
      (/** @type {unknown} */ error) => String(error instanceof Error ? error.message : error),
    );

  const unsafe = [];
  for (const pod of UNSAFE) {
    const refusal = await create(pod);
    if (!refusal.includes('violates PodSecurity "restricted'))
      unsafe.push(`${pod.metadata.name}: ${refusal}`);
  }
  goal(
    unsafe.length === 0,
    `restricted pod security refuses ${String(UNSAFE.length)} kinds of unsafe pods${unsafe.length === 0 ? '' : `, but not ${unsafe.join(', ')}`}`,
  );

  const silent = await create(podOf('says-nothing'));
  const given = await kubectl([
    ...['-n', 'caudal', 'get', 'pod', 'says-nothing', '--ignore-not-found'],
    ...['-o', 'jsonpath={.spec.containers[0].resources}'],
  ]);
  goal(
    silent === '' && /"requests":.*"cpu":"100m"/.test(given) && /"limits":.*"memory":"256Mi"/.test(given),
    `a pod that says nothing gets the defaults of the limit range: ${given || silent}`,
  );
  await kubectl(['-n', 'caudal', 'delete', 'pod', 'says-nothing', '--ignore-not-found', '--wait=false']);
  const tooLarge = await create(podOf('large', { resources: { limits: { memory: '9Gi' } } }));
  goal(
    /maximum memory usage per Container is 8Gi/.test(tooLarge),
    'the limit range refuses 9 GiB for a container',
  );
  const tooMuch = await create(podOf('greedy', { resources: { requests: { cpu: '290' } } }));
  goal(
    /exceeded quota: caudal, requested: requests\.cpu=290/.test(tooMuch),
    'the quota refuses a pod of 290 cores',
  );
  await showQuotaStops(controlPlane, goal);
  await showRights(controlPlane, goal);
}

/**
 * A Deployment that wants more than is left gets what is left, says why, and goes on when there is room again.
 *
 * @param {ControlPlane} controlPlane
 * @param {Rehearsal['goal']} goal
 */
async function showQuotaStops({ kubectl }, goal) {
  const labels = { 'app.kubernetes.io/name': 'hungry' };
  const { spec } = podOf('hungry', { resources: { requests: { cpu: '60' } } });
  const deployment = {
    ...{ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'hungry', namespace: 'caudal' } },
    spec: {
      replicas: 8,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        // No node of the rehearsal has 60 cores, so that they are counted and never run.
        spec,
      },
    },
  };
  await kubectl(['create', '-f', '-'], JSON.stringify(deployment));
  const condition = ['-n', 'caudal', 'get', 'deployment/hungry', '-o'];
  const message = await until('the quota to stop a Deployment', REFUSED_MS, async () => {
    const text = await kubectl([
      ...condition,
      'jsonpath={.status.conditions[?(@.type=="ReplicaFailure")].message}',
    ]);
    return text.includes('exceeded quota') ? text : null;
  });
  const created = await kubectl([...condition, 'jsonpath={.status.replicas}']);
  goal(
    Number(created) > 0 && Number(created) < 8,
    `the quota stops a Deployment of 8 x 60 cores at ${created} pods: ReplicaFailure, ${/exceeded quota[^:]*: [^,]*, requested: [^,]*, used: [^,]*, limited: [^,]*/.exec(message)?.[0] ?? message}`,
  );
  await kubectl(['-n', 'caudal', 'delete', 'deployment/hungry', '--cascade=foreground', '--timeout=60s']);
}

/** @param {ControlPlane} controlPlane @param {Rehearsal['goal']} goal */
async function showRights({ kubectl }, goal) {
  const may = async (/** @type {string} */ who, /** @type {string} */ verb, /** @type {string} */ what) =>
    (await kubectl([
      ...['auth', 'can-i', verb, what, '-n', 'caudal', `--as=system:serviceaccount:caudal:${who}`],
      '-q',
    ]).then(
      () => true,
      () => false,
    ))
      ? `${who} may ${verb} ${what}`
      : null;
  const accounts = ['default', 'caudal-api', 'caudal-worker', 'caudal-migrate', 'caudal-pgbouncer'];
  const actions = [
    ...[
      ['get', 'secrets'],
      ['list', 'pods'],
      ['create', 'pods'],
      ['get', 'configmaps'],
      ['patch', 'deployments'],
    ],
    ...[
      ['create', 'pods/exec'],
      ['delete', 'resourcequotas'],
      ['*', '*'],
    ],
  ];
  const asked = accounts.flatMap((who) => actions.map(([verb = '', what = '']) => may(who, verb, what)));
  const granted = (await Promise.all(asked)).filter((each) => each !== null);
  goal(
    granted.length === 0,
    `no account of a pod has a right: ${String(asked.length)} questions${granted.length === 0 ? '' : `, but ${granted.join(', ')}`}`,
  );
  const deployer = 'caudal-deployer';
  const needed = await Promise.all([
    ...[
      may(deployer, 'patch', 'deployments'),
      may(deployer, 'create', 'jobs'),
      may(deployer, 'update', 'configmaps'),
    ],
  ]);
  const excess = await Promise.all([
    ...[may(deployer, 'get', 'secrets'), may(deployer, 'update', 'resourcequotas')],
    ...[may(deployer, 'create', 'pods/exec'), may(deployer, 'patch', 'roles.rbac.authorization.k8s.io')],
  ]);
  goal(
    needed.every((each) => each !== null) && excess.every((each) => each === null),
    'the deployer may roll out and migrate, and neither read Secrets nor change quotas or roles',
  );
}

// @ts-check
// The k6 operator publishes its definition nowhere that a registry would have it. Its fields are few, and most are
// those of a pod: they are listed here as its documentation has them (1.x), and what is Kubernetes' own is checked by
// the schema of Kubernetes.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { coreDefinitions } from './kubernetes-schemas.mjs';
import { schemaPath } from './strict-schema.mjs';

const TEXT = { type: 'string' };
const FLAG = { type: 'boolean' };
const TEXTS = { type: 'object', additionalProperties: TEXT };
const core = (/** @type {string} */ name) => ({ $ref: `#/definitions/io.k8s.api.core.v1.${name}` });
const list = (/** @type {unknown} */ items) => ({ type: 'array', items });
/** @param {Record<string, unknown>} properties @param {string[]} [required] */
const object = (properties, required = []) => ({
  type: 'object',
  additionalProperties: false,
  // Draft 4, which kubeconform reads, knows no empty list.
  ...(required.length === 0 ? {} : { required }),
  properties,
});

const CONTAINER = {
  env: list(core('EnvVar')),
  envFrom: list(core('EnvFromSource')),
  image: TEXT,
  resources: core('ResourceRequirements'),
  volumeMounts: list(core('VolumeMount')),
};
const POD = object({
  ...CONTAINER,
  affinity: core('Affinity'),
  // A text, not a flag.
  automountServiceAccountToken: { enum: ['true', 'false'] },
  containerSecurityContext: core('SecurityContext'),
  disabled: FLAG,
  imagePullPolicy: { enum: ['Always', 'IfNotPresent', 'Never'] },
  imagePullSecrets: list(core('LocalObjectReference')),
  initContainers: list(
    object({ ...CONTAINER, name: TEXT, command: list(TEXT), args: list(TEXT), workingDir: TEXT }),
  ),
  livenessProbe: core('Probe'),
  metadata: object({ annotations: TEXTS, labels: TEXTS }),
  nodeSelector: TEXTS,
  priorityClassName: TEXT,
  readinessProbe: core('Probe'),
  schedulerName: TEXT,
  securityContext: core('PodSecurityContext'),
  serviceAccountName: TEXT,
  tolerations: list(core('Toleration')),
  topologySpreadConstraints: list(core('TopologySpreadConstraint')),
  volumes: list(core('Volume')),
});
const FILE = { name: TEXT, file: TEXT };
const TEST_RUN = object(
  {
    apiVersion: { enum: ['k6.io/v1alpha1'] },
    kind: { enum: ['TestRun'] },
    metadata: { type: 'object' },
    spec: object(
      {
        arguments: TEXT,
        cleanup: { enum: ['post'] },
        initializer: POD,
        parallelism: { type: 'integer', minimum: 1 },
        paused: { enum: ['true', 'false'] },
        ports: list(core('ContainerPort')),
        quiet: { enum: ['true', 'false'] },
        runner: POD,
        script: {
          ...object({
            configMap: object(FILE, ['name']),
            localFile: TEXT,
            volumeClaim: object({ ...FILE, readOnly: FLAG }, ['name']),
          }),
          minProperties: 1,
          maxProperties: 1,
        },
        separate: FLAG,
        starter: POD,
      },
      ['parallelism', 'script'],
    ),
  },
  ['apiVersion', 'kind', 'metadata', 'spec'],
);

/**
 * @param {string} kubernetes the directory of its module
 * @param {string} out
 */
export function writeTestRunSchema(kubernetes, out) {
  const path = join(out, schemaPath('k6.io/v1alpha1', 'TestRun'));
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, JSON.stringify({ ...TEST_RUN, definitions: coreDefinitions(kubernetes) }));
}

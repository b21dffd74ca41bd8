// @ts-check
import { containersOf, podOf, workloadsOf } from '../../deploy/manifests.mjs';

/**
 * The Secrets that manifests consume by name, with every key that they ask for. The values are of no use: nobody
 * reads them where pods are simulated.
 *
 * @param {readonly import('../../deploy/manifests.mjs').KubernetesObject[]} objects
 */
export function secretsFor(objects) {
  /** @type {Map<string, Set<string>>} */
  const wanted = new Map();
  const want = (/** @type {string | undefined} */ name, /** @type {string} */ key) => {
    if (name !== undefined) wanted.set(name, (wanted.get(name) ?? new Set()).add(key));
  };
  for (const workload of workloadsOf(objects)) {
    // A volume shows whatever the Secret has.
    for (const { secret } of podOf(workload).volumes ?? []) want(secret?.secretName, 'file');
    for (const { env = [], envFrom = [] } of containersOf(workload)) {
      for (const { valueFrom } of env)
        want(valueFrom?.secretKeyRef?.name, valueFrom?.secretKeyRef?.key ?? '');
      for (const { secretRef } of envFrom) want(secretRef?.name, 'KEY');
    }
  }
  return [...wanted].map(([name, keys]) => ({
    ...{ apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace: 'caudal' } },
    stringData: Object.fromEntries([...keys].map((key) => [key, 'of the rehearsal'])),
  }));
}

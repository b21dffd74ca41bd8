// @ts-check
import { nameOf, ofKind, workloadsOf } from '../manifests.mjs';
import { found } from './pod-rules.mjs';

/**
 * @typedef {import('../manifests.mjs').Deployment} Deployment
 * @typedef {import('../manifests.mjs').Finding} Finding
 * @typedef {import('../manifests.mjs').KubernetesObject} KubernetesObject
 */

/**
 * Whatever scales or sizes pods leaves each other alone. Over an installation and the part that is added to it, because
 * one of the two has the autoscaler and the other what disturbs it.
 *
 * @param {Pick<Deployment, 'objects'>} deployment
 * @returns {Finding[]}
 */
export function scalers({ objects }) {
  const horizontal = ofKind(objects, 'HorizontalPodAutoscaler', 'ScaledObject');
  const exists = (/** @type {string} */ target) =>
    workloadsOf(objects).some((each) => nameOf(each) === target);
  const targets = horizontal.map(targetOf);
  return [
    ...horizontal.flatMap((scaler, index) =>
      found('scalers', nameOf(scaler), [
        !exists(targets[index] ?? '') && `scales ${targets[index] ?? ''}, which does not exist`,
        targets.indexOf(targets[index] ?? '') !== index && `a second one scales ${targets[index] ?? ''}`,
      ]),
    ),
    ...ofKind(objects, 'VerticalPodAutoscaler').flatMap((sizer) => {
      const target = targetOf(sizer);
      const isApplied = sizer.spec?.updatePolicy?.updateMode !== 'Off';
      const sized = (sizer.spec?.resourcePolicy?.containerPolicies ?? [{}]).flatMap(
        ({ controlledResources = ['cpu', 'memory'] }) => controlledResources,
      );
      const measured = horizontal.filter((_, index) => targets[index] === target).flatMap(measuresOf);
      return found('scalers', nameOf(sizer), [
        !exists(target) && `sizes ${target}, which does not exist`,
        ...measured.map(
          (measure) =>
            isApplied && sized.includes(measure) && `sizes ${target} by ${measure}, which scales it`,
        ),
      ]);
    }),
  ];
}

/** @param {KubernetesObject} scaler */
function targetOf({ spec }) {
  // KEDA takes a Deployment where no kind is said.
  const { kind = 'Deployment', name = '?' } = spec?.scaleTargetRef ?? spec?.targetRef ?? {};
  return `${kind}/${name}`;
}

/** The resources by which it scales. @param {KubernetesObject} scaler @returns {string[]} */
function measuresOf({ spec }) {
  return [
    ...(spec?.metrics ?? []).flatMap(({ resource }) => resource?.name ?? []),
    ...(spec?.triggers ?? []).flatMap(({ type }) => type ?? []),
  ];
}

// @ts-check

/** Of the controller-manager, where nobody sets it; the manifests cannot. */
const TOLERANCE = 0.1;
/** Of metrics-server, where nobody sets it: how often it looks, and over how long kubelet averages the CPU. */
const METRICS_RESOLUTION_SECONDS = 15;
const CPU_WINDOW_SECONDS = 15;
const HORIZON_SECONDS = 900;

/**
 * The step of the simulation that a plan and the shipped autoscaler make.
 *
 * @param {{ beforeRps: number, warmPods: number | null, scheduleSeconds: number, syncSeconds: number }} options
 * @param {import('./plan.mjs').Plan} plan
 * @param {import('./shipped.mjs').Shipped} shipped
 * @param {import('./measured.mjs').Measured} measured
 * @returns {import('./autoscaler-simulation.mjs').Step}
 */
export function stepOf(options, { load, podRps }, shipped, measured) {
  return {
    rps: load.rps,
    beforeRps: options.beforeRps,
    podRps,
    warmPods: options.warmPods ?? shipped.podsMin,
    maxPods: shipped.podsMax,
    cpuTarget: shipped.cpuTarget,
    busyShare: Math.min(1, 1 / load.coresPerPod),
    requestsTarget: shipped.requestsTarget,
    scaleUp: shipped.scaleUp,
    syncSeconds: options.syncSeconds,
    tolerance: TOLERANCE,
    startSeconds: Math.ceil(options.scheduleSeconds + measured.startSeconds.value + shipped.probeSeconds),
    requestsMetric: { delaySeconds: shipped.scrapeSeconds, windowSeconds: shipped.rateWindowSeconds },
    cpuMetric: { delaySeconds: METRICS_RESOLUTION_SECONDS, windowSeconds: CPU_WINDOW_SECONDS },
    horizonSeconds: HORIZON_SECONDS,
  };
}

// @ts-check
// npm run rehearse:k8s
// The manifests on a real Kubernetes control plane with simulated nodes: applied in both ways, refusing what they are to
// refuse, scaled from 10 to 200 pods by what the real application does under k6, rolled out there, drained, and scaled
// down again. Prints a timeline; exit code 1 when a goal is missed. Takes about 25 minutes.
import { rehearse } from './cache.mjs';
import { startControlPlane } from './control-plane.mjs';
import { ApiClient } from './k8s/api-client.mjs';
import { computeStep } from './k8s/computed-step.mjs';
import { drainZone } from './k8s/disruption.mjs';
import { Fleet } from './k8s/fleet.mjs';
import { applyFiles, applyOverlay, removeInstallation } from './k8s/installation.mjs';
import { rehearseKeda } from './k8s/keda.mjs';
import { applyParts } from './k8s/parts.mjs';
import { showRefusals } from './k8s/refusals.mjs';
import { rehearseSale, STEP } from './k8s/sale.mjs';
import { scaleByCpuAlone } from './k8s/scaling.mjs';
import { slowPodsDown, startSimulatedNodes } from './k8s/simulated-nodes.mjs';

const DEADLINE_MS = 75 * 60_000;
/** SHUTDOWN_DELAY_MS, SHUTDOWN_DEADLINE_MS and two seconds: the longest that a pod takes to end. */
const END_MS = 32_000;

await rehearse('rehearse:k8s', { deadlineMs: DEADLINE_MS }, async (rehearsal) => {
  const { say, later } = rehearsal;
  const controlPlane = await startControlPlane({
    // No node fails here; one that a busy machine keeps from its heartbeat is not to be taken for one that did.
    flags: { controllerManager: ['--node-monitor-grace-period=180s'] },
  });
  later(() => controlPlane.close());
  const api = new ApiClient(controlPlane);
  later(() => {
    api.close();
  });
  say('etcd, API server, controller manager and scheduler are ready');
  const nodes = await startSimulatedNodes(controlPlane);
  say(`${String(nodes)} simulated nodes in 3 zones; metrics-server`);

  await applyFiles(controlPlane, rehearsal);
  await removeInstallation(controlPlane);
  await applyOverlay(controlPlane, rehearsal, 'production');
  const early = await Fleet.watch(api);
  await scaleByCpuAlone({ controlPlane, rehearsal, fleet: early }, api);
  await removeInstallation(controlPlane);
  await rehearseKeda({ controlPlane, rehearsal, fleet: early });
  await removeInstallation(controlPlane);
  await applyOverlay(controlPlane, rehearsal, 'staging');
  await showRefusals(controlPlane, rehearsal);
  await applyParts(controlPlane, rehearsal);

  const { startSeconds } = computeStep(STEP);
  await slowPodsDown(controlPlane, { startMs: startSeconds * 1_000, endMs: END_MS });
  say(
    `from here on a pod is ready after ${String(startSeconds)} s and gone after ${String(END_MS / 1000)} s`,
  );
  const fleet = await Fleet.watch(api);
  const stage = { controlPlane, rehearsal, fleet };
  await drainZone(stage, api);

  await rehearseSale(stage, api);
});

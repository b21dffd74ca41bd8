// @ts-check
// A sale on a fleet of simulated pods: what the real application measures under k6 is what the autoscaler reads.
import { until } from '../cache.mjs';
import { computeStep } from './computed-step.mjs';
import { openLoadedShop, REAL_PODS } from './loaded-shop.mjs';
import { startRequestMetrics } from './request-metrics.mjs';
import { rollOutAtTheTop, scaleDown, scaleUp, standStill } from './scaling.mjs';

/** What k6 sends to the real process, and by how much that is multiplied: 300,000 requests/s for 200 pods. */
const CALM_RPS = 8;
const SURGE_RPS = 300;
const FACTOR = 1_000;
/** The step that the fleet takes, as it would be on 200 real pods. */
export const STEP = { rps: SURGE_RPS * FACTOR, beforeRps: CALM_RPS * FACTOR, warmPods: 10 };
/** Of the way down: 300 s and then a tenth a minute would take half an hour. */
const LAPSE = 4;

/**
 * @param {import('./scaling.mjs').Stage} stage
 * @param {import('./api-client.mjs').ApiClient} api
 */
export async function rehearseSale(stage, api) {
  const { controlPlane, rehearsal, fleet } = stage;
  const { say, goal, later } = rehearsal;
  const shop = await openLoadedShop(controlPlane, say);
  later(() => shop.close());
  const requests = await startRequestMetrics(controlPlane, {
    ...{ prometheus: shop.prometheus, factor: FACTOR, realPods: REAL_PODS },
    readyPods: () => fleet.readyPods(),
  });
  later(() => {
    requests.close();
  });
  await shop.load(CALM_RPS);
  await until('the application in Prometheus', 120_000, async () => (await requests.measure()) > 0, 1_000);
  say(
    `k6 sends ${String(CALM_RPS)} requests/s to the real application; the shipped rule measures them, times ${String(FACTOR)}, spread over the ready pods`,
  );
  await standStill(stage, api);
  say(`k6 sends ${String(SURGE_RPS)} requests/s, for ${String(STEP.rps)}`);
  const took = await scaleUp(stage, () => shop.load(SURGE_RPS));
  const computed = computeStep(STEP);
  say(
    `npm run capacity computes at most ${String(computed.createdSeconds)} s to the last pod and ${String(computed.readySeconds)} s until it is ready; it took ${took.createdSeconds.toFixed(0)} s and ${took.readySeconds.toFixed(0)} s`,
  );
  say(`the rule measures ${(await requests.measure()).toFixed(0)} requests/s`);
  await rollOutAtTheTop(stage, api);
  const data = await shop.prometheus('/api/v1/rules');
  const { groups } = /** @type {{ groups: { rules: { health: string, name: string }[] }[] }} */ (data);
  const rules = groups.flatMap((group) => group.rules);
  const broken = rules.filter(({ health }) => health !== 'ok');
  goal(
    rules.length > 0 && broken.length === 0,
    `Prometheus evaluates all ${String(rules.length)} shipped rules${broken.length === 0 ? '' : `, but not ${broken.map(({ name }) => name).join(', ')}`}`,
  );
  say(`k6 sends ${String(CALM_RPS)} requests/s again`);
  await scaleDown(stage, api, LAPSE, () => shop.load(CALM_RPS));
}

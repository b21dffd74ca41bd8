import fc from 'fast-check';
import { type Step, simulateStep, warmPodsForZero } from './autoscaler-simulation.mjs';

/** Small enough for a person: 10 requests a pod, looked at every 10 s, ready 5 s later, metrics of that second. */
const SMALL: Step = {
  rps: 100,
  beforeRps: 0,
  podRps: 10,
  warmPods: 1,
  maxPods: 20,
  cpuTarget: 1,
  busyShare: 1,
  requestsTarget: 10,
  scaleUp: { policies: [{ type: 'Percent', value: 100, periodSeconds: 10 }] },
  syncSeconds: 10,
  tolerance: 0,
  startSeconds: 5,
  requestsMetric: { delaySeconds: 0, windowSeconds: 1 },
  cpuMetric: { delaySeconds: 0, windowSeconds: 1 },
  horizonSeconds: 120,
};

describe('the simulation of the autoscaler', () => {
  it('doubles every ten seconds until ten pods answer a hundred requests', () => {
    // 1 ready until 15, 2 until 25, 4 until 35, 8 until 45, then 10 (not 16: the metric asks for ten).
    const outcome = simulateStep(SMALL);
    expect(outcome.timeline).toEqual([
      { second: 0, pods: 1, ready: 1 },
      { second: 10, pods: 2, ready: 1 },
      { second: 15, pods: 2, ready: 2 },
      { second: 20, pods: 4, ready: 2 },
      { second: 25, pods: 4, ready: 4 },
      { second: 30, pods: 8, ready: 4 },
      { second: 35, pods: 8, ready: 8 },
      { second: 40, pods: 10, ready: 8 },
      { second: 45, pods: 10, ready: 10 },
    ]);
    expect(outcome).toMatchObject({ refusingSeconds: 45, hasRecovered: true });
    expect(outcome.refused).toBe(15 * 90 + 10 * 80 + 10 * 60 + 10 * 20);
  });

  it('waits for a metric that is old and averaged', () => {
    const requestsMetric = { delaySeconds: 5, windowSeconds: 20 };
    const cpuMetric = { delaySeconds: 1000, windowSeconds: 1 };
    const scaleUp = { policies: [{ type: 'Pods' as const, value: 100, periodSeconds: 10 }] };
    const { timeline } = simulateStep({ ...SMALL, requestsMetric, cpuMetric, scaleUp });
    // A quarter of the load is known at 10 (5 of 20 s), three quarters at 20, all of it at 30.
    expect(timeline.filter(({ second }) => second % 10 === 0).map(({ pods }) => pods)).toEqual([1, 3, 8, 10]);
  });

  it('takes the larger or the smaller of two policies, or none, as it is told', () => {
    const policies = [
      { type: 'Percent' as const, value: 100, periodSeconds: 10 },
      { type: 'Pods' as const, value: 5, periodSeconds: 10 },
    ];
    const podsAt10 = (selectPolicy: 'Max' | 'Min' | 'Disabled') =>
      simulateStep({ ...SMALL, scaleUp: { selectPolicy, policies } }).timeline.findLast(
        ({ second }) => second <= 10,
      )?.pods;
    expect(podsAt10('Max')).toBe(6);
    expect(podsAt10('Min')).toBe(2);
    expect(podsAt10('Disabled')).toBe(1);
    expect(simulateStep({ ...SMALL, scaleUp: { selectPolicy: 'Disabled' } }).hasRecovered).toBe(false);
  });

  it('counts what was added within a period against it', () => {
    const scaleUp = { policies: [{ type: 'Pods' as const, value: 4, periodSeconds: 20 }] };
    const { timeline } = simulateStep({ ...SMALL, scaleUp });
    // At 20 the four of 10 are still of this period; at 30 they are not.
    expect(timeline.map(({ pods }) => pods)).toEqual([1, 5, 5, 9, 9, 10, 10]);
    expect(timeline.map(({ second }) => second)).toEqual([0, 10, 15, 30, 35, 50, 55]);
  });

  it('holds back as long as the stabilisation window upwards says', () => {
    const requestsMetric = { delaySeconds: 0, windowSeconds: 20 };
    const cpuMetric = { delaySeconds: 1000, windowSeconds: 1 };
    const scaleUp = { policies: [{ type: 'Pods' as const, value: 100, periodSeconds: 10 }] };
    const podsIn = (stabilizationWindowSeconds: number) =>
      simulateStep({
        ...SMALL,
        requestsMetric,
        cpuMetric,
        scaleUp: { ...scaleUp, stabilizationWindowSeconds },
      }).timeline;
    expect(podsIn(0).find(({ pods }) => pods === 10)?.second).toBe(20);
    // The five pods that were asked for at 10 hold the ten back until they are over 15 s old.
    expect(podsIn(15).find(({ pods }) => pods === 10)?.second).toBe(30);
  });

  it('lets the controller’s tolerance hold the fleet at its smallest', () => {
    const pods = (tolerance: number) => simulateStep({ ...SMALL, tolerance }).timeline.at(-1)?.pods;
    expect(pods(0)).toBe(10);
    // 100 / 11 = 9.09: ten are needed and ten are there; 100 / 12.5 = 8 leaves a fifth refused for ever.
    expect(pods(0.1)).toBe(10);
    expect(pods(0.25)).toBe(8);
    expect(simulateStep({ ...SMALL, tolerance: 0.25 }).hasRecovered).toBe(false);
  });

  it('names the warm pods that suffice, or that nothing does', () => {
    expect(warmPodsForZero(SMALL)).toBe(10);
    expect(warmPodsForZero({ ...SMALL, rps: 101 })).toBe(11);
    expect(warmPodsForZero({ ...SMALL, rps: 1 })).toBe(1);
    expect(warmPodsForZero({ ...SMALL, rps: 201 })).toBeNull();
  });
});

describe('whatever the autoscaler is told', () => {
  const metric = fc.record({
    delaySeconds: fc.integer({ min: 0, max: 40 }),
    windowSeconds: fc.integer({ min: 1, max: 60 }),
  });
  const policy = fc.record({
    type: fc.constantFrom('Percent' as const, 'Pods' as const),
    value: fc.integer({ min: 1, max: 200 }),
    periodSeconds: fc.integer({ min: 1, max: 60 }),
  });
  const steps: fc.Arbitrary<Step> = fc.record({
    rps: fc.integer({ min: 1, max: 5_000 }),
    beforeRps: fc.integer({ min: 0, max: 500 }),
    podRps: fc.double({ min: 5, max: 500, noNaN: true }),
    warmPods: fc.integer({ min: 1, max: 30 }),
    maxPods: fc.integer({ min: 31, max: 80 }),
    cpuTarget: fc.double({ min: 0.2, max: 1, noNaN: true }),
    busyShare: fc.double({ min: 0.2, max: 1, noNaN: true }),
    requestsTarget: fc.integer({ min: 5, max: 500 }),
    scaleUp: fc.record({
      stabilizationWindowSeconds: fc.integer({ min: 0, max: 60 }),
      selectPolicy: fc.constantFrom('Max' as const, 'Min' as const),
      policies: fc.array(policy, { minLength: 1, maxLength: 3 }),
    }),
    syncSeconds: fc.integer({ min: 1, max: 30 }),
    tolerance: fc.constantFrom(0, 0.1),
    startSeconds: fc.integer({ min: 0, max: 60 }),
    requestsMetric: metric,
    cpuMetric: metric,
    horizonSeconds: fc.constant(200),
  });

  it('one more warm pod never makes the 503s longer or more', () => {
    fc.assert(
      fc.property(steps, (step) => {
        const fewer = simulateStep(step);
        const more = simulateStep({ ...step, warmPods: step.warmPods + 1 });
        return more.refusingSeconds <= fewer.refusingSeconds && more.refused <= fewer.refused + 1e-6;
      }),
      { numRuns: 200 },
    );
  });

  it('nobody is refused with the number that it names, and somebody with one less', () => {
    fc.assert(
      fc.property(steps, (step) => {
        const enough = warmPodsForZero(step);
        const refusing = (warmPods: number) => simulateStep({ ...step, warmPods }).refusingSeconds;
        if (enough === null) return refusing(step.maxPods) > 0;
        return refusing(enough) === 0 && (enough === 1 || refusing(enough - 1) > 0);
      }),
      { numRuns: 100 },
    );
  });

  it('the fleet stays between its bounds, never shrinks, and is never ready before its time', () => {
    fc.assert(
      fc.property(steps, (step) => {
        const { timeline } = simulateStep(step);
        return timeline.every(
          ({ second, pods, ready }, index) =>
            pods >= step.warmPods &&
            pods <= step.maxPods &&
            ready <= pods &&
            pods >= (timeline[index - 1]?.pods ?? 0) &&
            (second >= step.syncSeconds + step.startSeconds || ready === step.warmPods),
        );
      }),
      { numRuns: 100 },
    );
  });
});

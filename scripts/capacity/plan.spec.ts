import { figureAt, outdatedFigures, readMeasured } from './measured.mjs';
import { readOptions } from './options.mjs';
import { planCapacity } from './plan.mjs';
import { reportPlan, reportStep } from './report.mjs';
import { readShippedObjects, shippedNumbers } from './shipped.mjs';
import { simulateStep, warmPodsForZero } from './autoscaler-simulation.mjs';
import { stepOf } from './step.mjs';

const objects = readShippedObjects();
const shipped = shippedNumbers(objects);
const measured = readMeasured();

/** Figures that a person can multiply. */
const ROUND = structuredClone(measured);
Object.assign(ROUND.productListMicros, { value: 50 });
Object.assign(ROUND.productDetailMicros, { value: 30 });
Object.assign(ROUND.refusalMicros, { value: 60 });
Object.assign(ROUND.orderMicros, { value: 200 });
Object.assign(ROUND.limitedRequestsPerSecond, { value: 50_000 });
Object.assign(ROUND.limitDecisionMicros, { value: 10 });

const LOAD = {
  rps: 100_000,
  users: 1_000_000,
  mix: { reads: 0.8, soldOut: 0.15, orders: 0.05 },
  headroom: 0.5,
  coresPerPod: 1,
};

describe('the figures that capacity is computed from', () => {
  it('are those of their documents; npm run capacity -- --refresh reads them again', () => {
    expect(outdatedFigures(measured)).toEqual([]);
    expect(Object.values(measured).every(({ by, what, unit }) => by && what && unit)).toBe(true);
  });

  it('are found to be outdated when a document says another number, or nothing', () => {
    const other = structuredClone(measured);
    other.orderMicros.value += 1;
    other.sessionBytes.at = { file: 'docs/capacity.md', row: 'S1 bits', cell: 3 };
    expect(outdatedFigures(other)).toEqual(['orderMicros', 'sessionBytes']);
  });

  it.each([
    [{ file: '', row: 'orders', cell: 2 }, 1234.5],
    [{ file: '', row: 'order', cell: 2 }, null],
    [{ file: '', before: 'ready at most', after: 's after' }, 2.2],
    [{ file: '', before: 'ready at least', after: 's after' }, null],
  ])('are read from a table or from text: %j', (place, value) => {
    const text = 'It was ready at\nmost 2.2 s after.\n\n| What | Rate |\n| orders  | 1,234.5 µs |\n';
    expect(figureAt(place, text)).toBe(value);
  });
});

describe('the shipped configuration', () => {
  it('is read from the manifests', () => {
    expect(shipped).toMatchObject({ podsMin: 10, podsMax: 200, requestsTarget: 1000, cpuTarget: 0.7 });
    expect(shipped.rateWindowSeconds).toBe(60);
    expect(shipped.serverConnections).toBeLessThanOrEqual(shipped.serverConnectionsMax);
  });

  it('changes the numbers when a manifest changes', () => {
    const changed = structuredClone(objects);
    for (const { kind, spec } of changed)
      if (kind === 'HorizontalPodAutoscaler' && spec !== undefined) spec.maxReplicas = 33;
    expect(shippedNumbers(changed).podsMax).toBe(33);
  });

  it('is refused when something is missing', () => {
    expect(() => shippedNumbers(objects.filter(({ kind }) => kind !== 'ServiceMonitor'))).toThrow(
      'deployment/ has no ServiceMonitor/caudal',
    );
  });
});

describe('capacity on paper', () => {
  it('is the figures times the load', () => {
    const plan = planCapacity(LOAD, shipped, ROUND);
    // 0.8 × 40 + 0.15 × 60 + 0.05 × 200 = 51, and 1.2 questions of 20 µs each: 75 µs a request.
    expect(plan.micros).toBeCloseTo(75);
    expect(plan.podsByCpu).toBe(Math.ceil((100_000 * 75e-6) / 0.5));
    expect(plan.podsByRequests).toBe(100);
    expect(plan.pods).toBe(100);
    expect(plan.orders).toBeCloseTo(5_000);
    expect(plan.redis.limiter).toBeCloseTo(120_000);
    expect(plan.redis.main).toBeCloseTo(15_000 + 2 * 5_000);
    // 120,000 commands of 10 µs are 1.2 cores of the half that may be used.
    expect(plan.first.resource.name).toBe('Redis of the rate limits, one server');
    expect(plan.first.share).toBeCloseTo(2.4);
    expect(plan.first.at).toBeCloseTo(100_000 / 2.4);
  });

  it('asks the limits of few users less often than they come', () => {
    const plan = planCapacity({ ...LOAD, users: 100 }, shipped, ROUND);
    expect(plan.redis.limiter).toBe((2 * 100 * plan.pods) / 5);
  });

  it('ends at the autoscaler’s maximum, and begins at its minimum', () => {
    const plan = planCapacity({ ...LOAD, rps: 1_000_000 }, shipped, ROUND);
    expect(plan).toMatchObject({ pods: 200, podsWanted: 1000 });
    expect(reportPlan(plan, shipped).join('\n')).toContain('but that is the maximum');
    expect(planCapacity({ ...LOAD, rps: 1 }, shipped, ROUND).pods).toBe(10);
  });

  it('lets the sessions saturate first when there are people enough', () => {
    const { first } = planCapacity({ ...LOAD, rps: 1000, users: 100_000_000 }, shipped, ROUND);
    expect(first.resource.name).toBe('memory of the Redis of the sessions');
    expect(first.at).toBeCloseTo(shipped.sessionBytesMax / ROUND.sessionBytes.value);
  });

  it('takes no more than one core of a pod, because JavaScript has one thread', () => {
    const podsWith = (coresPerPod: number) =>
      planCapacity({ ...LOAD, coresPerPod }, shipped, ROUND).podsByCpu;
    expect(podsWith(0.5)).toBe(podsWith(1) * 2);
    expect(podsWith(4)).toBe(podsWith(1));
  });

  it('tells of the step what the simulation says', () => {
    const plan = planCapacity({ ...LOAD, rps: 1_000_000 }, shipped, ROUND);
    const options = { beforeRps: 0, warmPods: null, scheduleSeconds: 5, syncSeconds: 15 };
    const step = stepOf(options, plan, shipped, measured);
    expect(step.warmPods).toBe(10);
    const warmPods = warmPodsForZero(step);
    // 75 µs a request are 13,333 requests/s a pod.
    expect(warmPods).toBe(75);
    const runs = [{ warmPods: 10, outcome: simulateStep(step) }];
    const text = reportStep(step, runs, warmPods).join('\n');
    expect(text).toMatch(/10 warm pods: users see 503 for \d+ s/);
    expect(text).toContain('Nobody sees 503 from 75 warm pods on');
  });
});

describe('the options of npm run capacity', () => {
  it('have defaults', () => {
    expect(readOptions([])).toMatchObject({ rps: 100_000, users: 1_000_000, headroom: null, step: null });
    expect(readOptions(['--step', '--warm', '40']).step).toMatchObject({ warmPods: 40, syncSeconds: 15 });
  });

  it.each([
    [['--rps', 'abc'], '--rps=abc is not a number'],
    [['--rps', '0'], '--rps=0 is not a number from 1'],
    [['--rps', '1e3'], '--rps=1e3 is not a number'],
    [['--users', '1.5'], '--users=1.5 is not a whole number'],
    [['--reads', '90'], '--reads, --sold-out and --orders are 110 % together, not 100'],
    [['--headroom', '100'], '--headroom=100 is not a number from 0 to 95'],
    [['--warm', '0', '--step'], '--warm=0 is not a whole number'],
    [['--what'], "Unknown option '--what'"],
    [['100000'], "Unexpected argument '100000'"],
    [['--rps'], "'--rps <value>' argument missing"],
  ])('refuse %j in one line', (args, reason) => {
    expect(() => readOptions(args)).toThrow(reason);
    expect(() => readOptions(args)).not.toThrow('\n');
  });
});

import shipped from '../../../deployment/monitoring/slo.json' with { type: 'json' };
import {
  answeredWithin,
  flawless,
  isWatch,
  latencyLimitMs,
  latencyPercentile,
  type Objectives,
  requestsPerSecond,
  watched,
  withinObjectives,
  withoutErrors,
} from './thresholds.js';

const slo: Objectives = {
  objectives: {
    availability: { target: 0.995 },
    latency: { target: 0.9, thresholdSeconds: 0.25 },
    errors: { target: 0.999 },
  },
  throughput: { requestsPerMinute: 600 },
};

describe('the thresholds of a run', () => {
  const environment: Record<string, string> = {};

  beforeAll(() => Object.assign(globalThis, { __ENV: environment }));
  afterEach(() => {
    for (const name of Object.keys(environment)) Reflect.deleteProperty(environment, name);
  });

  it('are the objectives, for the whole run or for one crowd', () => {
    expect(withinObjectives(slo)).toEqual({
      http_req_duration: ['p(90)<250'],
      slo_unavailable: ['rate<0.005'],
      slo_errors: ['rate<0.001'],
      dropped_iterations: ['count==0'],
    });
    expect(withinObjectives(slo, 'after')).toEqual({
      'http_req_duration{scenario:after}': ['p(90)<250'],
      'slo_unavailable{scenario:after}': ['rate<0.005'],
      'slo_errors{scenario:after}': ['rate<0.001'],
      'dropped_iterations{scenario:after}': ['count==0'],
    });
    expect(withoutErrors(slo, 'rush')).toEqual({ 'slo_errors{scenario:rush}': ['rate<0.001'] });
    expect(answeredWithin(slo, ['pay_order'])).toEqual({
      'http_req_duration{name:pay_order}': ['p(90)<250'],
    });
    expect(requestsPerSecond(slo)).toBe(10);
  });

  it('can be read from the file that the alerts are made of', () => {
    const { latency } = shipped.objectives;
    expect(latencyLimitMs(shipped)).toBe(latency.thresholdSeconds * 1_000);
    expect(latencyPercentile(shipped)).toBe(`p(${String(latency.target * 100)})`);
    const limits = Object.values(withinObjectives(shipped)).flat();
    expect(limits.filter((limit) => !/^[a-z0-9().]+(<|==)\d+(\.\d{1,6})?$/.test(limit))).toEqual([]);
  });

  it('are looser where the environment says that the machine is shared', () => {
    Object.assign(environment, { P95_MS: '5000', UNAVAILABLE_SHARE: '0.5' });
    expect(withinObjectives(slo)).toMatchObject({
      http_req_duration: ['p(90)<5000'],
      slo_unavailable: ['rate<0.5'],
      slo_errors: ['rate<0.001'],
    });
  });

  it('may meet so many failures and no visitor who was dropped', () => {
    expect(flawless(0.0001)).toEqual({
      http_req_failed: ['rate<0.0001'],
      checks: ['rate>0.9999'],
      dropped_iterations: ['count==0'],
    });
  });

  it('tell a figure that is only kept from one that is judged', () => {
    const kept = watched(['step']);
    expect(Object.keys(kept)).toContain('http_req_duration{scenario:step}');
    expect(Object.values(kept).flat().every(isWatch)).toBe(true);
    expect(Object.values(withinObjectives(slo)).flat().some(isWatch)).toBe(false);
  });
});

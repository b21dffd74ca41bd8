import recorded from './recorded-summary.json' with { type: 'json' };
import slo from '../../../deployment/monitoring/slo.json' with { type: 'json' };
import { describeBreakingPoint, findBreakingPoint, growingSteps } from './breaking-point.js';
import { renderPage, renderText } from './summary-page.js';
import { inMilliseconds, type K6Summary, readSummary } from './summary.js';

// What k6 1.8.1 gave to handleSummary() after `RATE=150 FACTOR=8 STEPS=3 STEP_SECONDS=3 VUS=250` of breakpoint.
const data = recorded as unknown as K6Summary;
const steps = growingSteps(150, { count: 3, factor: 8 });
const title = 'breakpoint';
const copy = () => JSON.parse(JSON.stringify(recorded)) as K6Summary;

const environment: Record<string, string> = {};
beforeAll(() => Object.assign(globalThis, { __ENV: environment }));

describe('the summary of a run', () => {
  it('has the rules with what was measured, and not the figures that are only kept', () => {
    const { rules, isMet, requests, checks, latencies } = readSummary(data);
    expect(isMet).toBe(true);
    expect(rules).toEqual([
      { metric: 'dropped_iterations{scenario:step_1}', rule: 'count==0', measured: '0', isMet: true },
      { metric: 'http_req_duration{scenario:step_1}', rule: 'p(95)<200', measured: '26 ms', isMet: true },
      { metric: 'slo_errors{scenario:step_1}', rule: 'rate<0.001', measured: '0 %', isMet: true },
      { metric: 'slo_unavailable{scenario:step_1}', rule: 'rate<0.001', measured: '0 %', isMet: true },
    ]);
    expect(requests).toBe(recorded.metrics.http_reqs.values.count);
    expect(latencies.map(({ name }) => name)).toContain('view_product');
    expect(checks.find(({ name }) => name === 'product is shown')?.passes).toBeGreaterThan(100);
  });

  it('is not met as soon as one rule is broken', () => {
    const broken = copy();
    broken.metrics['slo_errors{scenario:step_1}']!.thresholds!['rate<0.001']!.ok = false;
    const summary = readSummary(broken);
    expect(summary.isMet).toBe(false);
    expect(renderPage(title, summary)).toContain('Rules were broken.');
    expect(renderText(title, summary)).toContain('✗ slo_errors{scenario:step_1} rate<0.001: 0 %');
  });

  it('becomes a whole page that loads nothing and runs nothing', () => {
    const page = renderPage(title, readSummary(data), [describeBreakingPoint(data, steps, slo)]);
    expect(page).toMatch(/^<!doctype html>[^]*<\/html>\n$/);
    expect(page).not.toMatch(/<script|https?:|src=|url\(/);
    expect(page).toContain('Every rule was kept.');
    expect(page).toContain('<td><code>p(95)&lt;200</code></td><td><code>26 ms</code></td>');
    expect(page).toContain(
      '150 visits each second held, 1200 did not; the objective is 167 requests each second',
    );
    for (const tag of ['table', 'tr', 'td', 'th', 'h2', 'span', 'code']) {
      expect([tag, page.split(`<${tag}`).length]).toEqual([tag, page.split(`</${tag}>`).length]);
    }
  });

  it('shows names as text, whatever they hold, and nothing of what setup() gave to the run', () => {
    const hostile = {
      ...copy(),
      setup_data: { adminToken: 'secret-token' },
      root_group: { checks: [{ name: '<b>"&', passes: 1, fails: 2 }], groups: [] },
    };
    const summary = readSummary(hostile);
    const shown = renderPage('<i>title', summary);
    expect(shown).toContain('&lt;b&gt;&quot;&amp;');
    expect(shown).not.toMatch(/<[bi]>|secret-token/);
    expect(renderText(title, summary)).toContain('check "<b>"&" failed 2 times');
    expect(renderText(title, summary)).not.toContain('secret-token');
  });

  it('says short times with a tenth and long ones without', () => {
    expect([inMilliseconds(1.04), inMilliseconds(212.6)]).toEqual(['1.0 ms', '213 ms']);
  });
});

describe('the breaking point', () => {
  afterEach(() => Reflect.deleteProperty(environment, 'P95_MS'));

  it('is between the last crowd that was served and the first that was not', () => {
    expect(steps.map(({ rate }) => rate)).toEqual([150, 1200, 9600]);
    const { held, broke, steps: judged } = findBreakingPoint(data, steps, slo);
    expect([held?.rate, broke?.rate]).toEqual([150, 1200]);
    expect(judged.map(({ faults }) => faults)).toEqual([
      [],
      ['latency', 'availability', 'visitors dropped'],
      ['latency', 'availability', 'visitors dropped'],
    ]);
  });

  it('was not reached when all were served, and is below the first when none was', () => {
    expect(findBreakingPoint(data, steps.slice(0, 1), slo)).toMatchObject({
      held: { rate: 150 },
      broke: null,
    });
    environment['P95_MS'] = '1';
    expect(findBreakingPoint(data, steps, slo)).toMatchObject({ held: null, broke: { rate: 150 } });
  });
});

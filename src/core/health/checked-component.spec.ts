import { ManualClock } from '../../common/manual-clock.js';
import { CheckedComponent } from './checked-component.js';
import type { Finding, HealthCheck } from './health-check.js';

const DEADLINE_MS = 20;

function componentOf(run: HealthCheck['run'], thresholds = { failuresToDown: 1, successesToUp: 1 }) {
  const check: HealthCheck = { name: 'thing', group: 'redis', isCritical: true, run };
  return new CheckedComponent(check, new ManualClock(), DEADLINE_MS, thresholds);
}

describe('a checked component', () => {
  it('is down before its first check, and then what the check found', async () => {
    const component = componentOf(() => Promise.resolve<Finding>('degraded'));
    expect(component.view()).toMatchObject({ status: 'down', latencyMs: null });
    expect(await component.probe()).toBeNull();
    expect(component.view()).toMatchObject({ status: 'degraded', reason: null, failuresInARow: 0 });
  });

  it.each<[string, HealthCheck['run']]>([
    ['rejects', () => Promise.reject(new Error('redis://user:secret@host'))],
    [
      'throws',
      () => {
        throw new TypeError('a defect');
      },
    ],
    ['rejects with an error of another kind', () => Promise.reject(new AggregateError([]))],
  ])('is down, without a word of the error, when its check %s', async (_, run) => {
    const component = componentOf(run);
    expect(await component.probe()).toBe('failed');
    expect(component.view()).toMatchObject({ status: 'down', reason: 'failed', failuresInARow: 1 });
    expect(JSON.stringify(component.view())).not.toContain('secret');
  });

  it('cancels a check at its deadline and counts it as failed', async () => {
    let wasCancelled = false;
    const component = componentOf(
      (signal) =>
        new Promise((_, reject) => {
          signal.addEventListener('abort', () => {
            wasCancelled = true;
            reject(new Error('cancelled'));
          });
        }),
    );
    expect(await component.probe()).toBe('timeout');
    expect(wasCancelled).toBe(true);
    expect(component.view()).toMatchObject({ status: 'down', reason: 'timeout' });
  });

  it('does not ask a dependency again that still hangs, and asks it again when it has ended', async () => {
    let calls = 0;
    const endings: (() => void)[] = [];
    const component = componentOf(() => {
      calls += 1;
      return new Promise((resolve) => {
        endings.push(() => {
          resolve('up');
        });
      });
    });
    for (let attempt = 0; attempt < 5; attempt += 1) expect(await component.probe()).toBe('timeout');
    expect(calls).toBe(1);
    endings[0]?.();
    await new Promise(setImmediate);
    const probe = component.probe();
    expect(calls).toBe(2);
    endings[1]?.();
    expect(await probe).toBeNull();
    expect(component.view().status).toBe('up');
  });

  it('takes an answer that was there before a late loop could read it', async () => {
    const component = componentOf(
      () =>
        new Promise((resolve) => {
          setImmediate(resolve, 'up');
          const endMs = performance.now() + DEADLINE_MS * 2;
          while (performance.now() < endMs);
        }),
    );
    expect(await component.probe()).toBeNull();
  });

  it('changes its status only after so many answers in a row', async () => {
    let isWell = true;
    const component = componentOf(
      () => (isWell ? Promise.resolve<Finding>('up') : Promise.reject(new Error('away'))),
      { failuresToDown: 2, successesToUp: 3 },
    );
    const statuses: string[] = [];
    for (const each of '+-+--+++') {
      isWell = each === '+';
      await component.probe();
      statuses.push(component.view().status);
    }
    expect(statuses).toEqual(['up', 'up', 'up', 'up', 'down', 'down', 'down', 'up']);
  });
});

import { ManualClock } from '../../common/manual-clock.js';
import { loadConfig } from '../../config/index.js';
import { RecordingLogger } from '../../infrastructure/logging/recording-logger.js';
import { Metrics } from '../../infrastructure/metrics/index.js';
import { AdaptiveLoadShedding } from './adaptive-load-shedding.service.js';
import { PRIORITIES, type Priority } from './load-shedding.js';

describe('load shedding', () => {
  function open(env: Record<string, string> = {}) {
    const [clock, metrics, logger] = [new ManualClock(), new Metrics(), new RecordingLogger()];
    const config = loadConfig({ DATABASE_URL: 'postgres://unused', ...env });
    const shedding = new AdaptiveLoadShedding(config, clock, logger, metrics);
    /** The loop is late by so much at every measurement of a tenth of a second. */
    const spend = (delayMs: number, tenths: number): void => {
      const endMs = clock.ms + tenths * 100;
      while (clock.ms < endMs) {
        clock.advance(20 + delayMs);
        shedding.sample();
      }
    };
    /** How many of so many requests are admitted, each answered before the next comes. */
    const admitted = (priority: Priority, requests: number): number => {
      const lane = shedding.lane(priority);
      let count = 0;
      for (let i = 0; i < requests; i += 1) {
        if (lane.enter() !== null) continue;
        count += 1;
        lane.leave(1);
      }
      return count;
    };
    const fill = (priority: Priority, requests: number): number => {
      let count = 0;
      for (let i = 0; i < requests; i += 1) if (shedding.lane(priority).enter() === null) count += 1;
      return count;
    };
    return { clock, shedding, metrics, logger, spend, admitted, fill };
  }

  it('admits everything while the loop keeps up', () => {
    const { spend, admitted } = open();
    spend(5, 100);
    expect(PRIORITIES.map((priority) => admitted(priority, 1000))).toEqual([1000, 1000, 1000]);
  });

  it('sheds all ordinary requests before one important, and all those before one critical', () => {
    const { spend, admitted } = open();
    const shares: number[][] = [];
    for (let i = 0; i < 60; i += 1) {
      spend(100, 1);
      shares.push(PRIORITIES.map((priority) => admitted(priority, 1000) / 1000));
    }
    const inOrder = shares.every(
      ([critical = 0, important = 0, ordinary = 0]) =>
        (critical === 1 || important === 0) && (important === 1 || ordinary === 0),
    );
    expect(inOrder).toBe(true);
    expect(shares.some(([, important = 0]) => important > 0 && important < 1)).toBe(true);
    expect(shares.at(-1)?.slice(1)).toEqual([0, 0]);
    // However late the loop is, a few pass: their latency shows when it is over.
    expect(shares.at(-1)?.[0]).toBeCloseTo(0.05);
  });

  it('sheds in a loop that reads so many requests that no timer fires', () => {
    const { clock, shedding, admitted } = open();
    const sharesOfTwoSeconds = () =>
      Array.from({ length: 200 }, () => {
        clock.advance(10);
        return admitted('ordinary', 20) / 20;
      });
    shedding.onApplicationBootstrap();
    const shares = sharesOfTwoSeconds();
    // Until the delay has stood for an interval.
    expect(shares.slice(0, 20)).toEqual(shares.slice(0, 20).fill(1));
    expect(shares.at(-1)).toBe(0);
    // The timer fires again.
    clock.advance(20);
    shedding.sample();
    for (let i = 0; i < 600; i += 1) {
      clock.advance(20);
      shedding.sample();
    }
    expect(admitted('ordinary', 100)).toBe(100);
    // Without a timer none is late.
    shedding.onApplicationShutdown();
    expect(new Set(sharesOfTwoSeconds())).toEqual(new Set([1]));
  });

  it('admits everything again, ordinary requests last, some seconds after the overload', () => {
    const { spend, admitted } = open();
    spend(150, 100);
    spend(0, 20);
    expect(admitted('critical', 100)).toBe(100);
    expect(admitted('ordinary', 100)).toBe(0);
    spend(0, 100);
    expect(admitted('ordinary', 100)).toBe(100);
  });

  it('keeps a share of the limit for each priority, and the rest for whoever comes first', () => {
    const { fill } = open({ LOAD_SHEDDING_LIMIT_MIN: '100', LOAD_SHEDDING_LIMIT_MAX: '100' });
    expect(fill('important', 200)).toBe(100);
    expect(fill('ordinary', 200)).toBe(10);
    // The limit is long reached, and critical requests have all of it to themselves.
    expect(fill('critical', 200)).toBe(100);
  });

  it('lets no crowd of critical requests starve the others', () => {
    const { fill } = open({ LOAD_SHEDDING_LIMIT_MIN: '100', LOAD_SHEDDING_LIMIT_MAX: '100' });
    expect([fill('critical', 200), fill('important', 200), fill('ordinary', 200)]).toEqual([100, 30, 10]);
  });

  it('counts what it sheds by priority and reason, and gives places back', async () => {
    const { shedding, metrics, fill } = open({
      LOAD_SHEDDING_LIMIT_MIN: '10',
      LOAD_SHEDDING_LIMIT_MAX: '10',
    });
    fill('ordinary', 12);
    const read = async (): Promise<string> => metrics.registry.metrics();
    expect(await read()).toContain(
      'load_shedding_requests_shed_total{priority="ordinary",reason="concurrency"} 2',
    );
    expect(await read()).toContain('load_shedding_requests_open{priority="ordinary"} 10');
    expect(await read()).toContain('load_shedding_concurrency_limit 10');
    shedding.lane('ordinary').leave(1);
    expect(fill('ordinary', 2)).toBe(1);
  });

  it('says once that it sheds and once that it is over', () => {
    const { spend, admitted, logger } = open();
    for (let i = 0; i < 30; i += 1) {
      spend(60, 1);
      admitted('ordinary', 100);
    }
    spend(0, 300);
    expect(logger.messages).toEqual(['overloaded: requests are being turned away', 'no longer overloaded']);
  });
});

import { Worker } from 'node:worker_threads';
import { SystemClock } from '../../src/common/clock.js';
import { RestartBudget } from '../../src/core/session-monitor/restart-budget.js';
import { SupervisedWorker } from '../../src/core/session-monitor/supervised-worker.js';
import { waitFor } from '../support/wait-for.js';

const THREAD = new URL('../support/threads/obedient-thread.mjs', import.meta.url);
const DEADLINE_MS = 1000;

/** Real threads, which a fake cannot stand for: a busy loop neither speaks nor ends. */
describe('a supervised thread', () => {
  let heard: string[];
  let replacedAt: number[];
  let reasons: string[];
  let givenUp: number;
  let worker: SupervisedWorker<string, string>;

  beforeEach(async () => {
    [heard, replacedAt, reasons, givenUp] = [[], [], [], 0];
    const clock = new SystemClock();
    worker = new SupervisedWorker({
      clock,
      heartbeatDeadlineMs: DEADLINE_MS,
      budget: new RestartBudget(clock, { restartsMax: 5, windowMs: 60_000, pauseMs: 10, pauseMaxMs: 20 }),
      spawn: (generation, beats) =>
        new Worker(THREAD, {
          workerData: { generation, beats, beatMs: 50 },
          resourceLimits: { maxOldGenerationSizeMb: 16 },
          stderr: true,
        }),
      onMessage: (message) => heard.push(message),
      onReplaced: (reason) => {
        reasons.push(reason);
        replacedAt.push(performance.now());
      },
      onGivenUp: () => (givenUp += 1),
    });
    worker.start();
    await waitFor('the first thread', () => worker.isAlive);
  });

  afterEach(() => worker.stop('stop'));

  it('in a busy loop is found and replaced within its deadline and half a second', async () => {
    worker.post('hang');
    const startMs = performance.now();
    await waitFor('another generation to live', () => worker.generation === 2 && worker.isAlive);
    expect(performance.now() - startMs).toBeLessThan(DEADLINE_MS + 500);
    expect(reasons).toEqual(['hung']);
    worker.post('work');
    await waitFor('an answer', () => heard.length > 0);
    expect(heard).toEqual(['work by 2']);
  });

  it('that runs out of memory is replaced, and the process goes on', async () => {
    worker.post('fill');
    await waitFor('another generation to live', () => worker.generation === 2 && worker.isAlive, 20_000);
    expect(reasons).toHaveLength(1);
  });

  it('in a crash loop is started five times, and not again', async () => {
    await waitFor('the end of the budget', () => {
      worker.post('crash');
      return givenUp === 1;
    });
    expect([reasons.length, worker.generation, worker.isSupervising]).toEqual([6, 6, false]);
  });

  it('ends when it is told to, and within a second when it hangs', async () => {
    worker.post('hang');
    const startMs = performance.now();
    await worker.stop('stop');
    expect(performance.now() - startMs).toBeLessThan(1500);
    expect(reasons).toEqual([]);
  });
});

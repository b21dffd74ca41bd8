import { EventEmitter } from 'node:events';
import { ManualClock } from '../../common/manual-clock.js';
import { RestartBudget } from './restart-budget.js';
import { SupervisedWorker, type Thread } from './supervised-worker.js';

const DEADLINE_MS = 2000;

/** A thread that beats, speaks and ends when the test says so. */
class FakeThread extends EventEmitter implements Thread {
  readonly received: unknown[] = [];
  isTerminated = false;

  constructor(
    readonly generation: number,
    private readonly beats: SharedArrayBuffer,
  ) {
    super();
  }

  beat(): void {
    Atomics.add(new Int32Array(this.beats), 0, 1);
  }

  say(message: string, generation = this.generation): void {
    this.emit('message', { generation, message });
  }

  postMessage(message: unknown): void {
    this.received.push(message);
    if (message === 'stop') this.emit('exit', 0);
  }

  terminate(): Promise<unknown> {
    this.isTerminated = true;
    this.emit('exit', 1);
    return Promise.resolve();
  }
}

describe('a supervised worker', () => {
  let clock: ManualClock;
  let threads: FakeThread[];
  let heard: string[];
  let replaced: string[];
  let stale: number;
  let givenUp: number;
  let worker: SupervisedWorker<string, string>;

  const latest = (): FakeThread => threads.at(-1)!;
  const checkAfter = (ms: number): void => {
    clock.advance(ms);
    worker.check();
  };

  beforeEach(() => {
    clock = new ManualClock();
    [threads, heard, replaced, stale, givenUp] = [[], [], [], 0, 0];
    worker = new SupervisedWorker({
      clock,
      heartbeatDeadlineMs: DEADLINE_MS,
      // Without pauses, so that no test waits for one; their length is tested by itself.
      budget: new RestartBudget(clock, { restartsMax: 5, windowMs: 60_000, pauseMs: 0, pauseMaxMs: 0 }),
      spawn: (generation, beats) => {
        threads.push(new FakeThread(generation, beats));
        return latest();
      },
      onMessage: (message) => heard.push(message),
      onReplaced: (reason) => replaced.push(reason),
      onGivenUp: () => (givenUp += 1),
      onStale: () => (stale += 1),
    });
    worker.start();
  });

  afterEach(async () => {
    await worker.stop('stop');
  });

  it('keeps a thread that beats, however long', () => {
    for (let turn = 0; turn < 100; turn += 1) {
      latest().beat();
      checkAfter(DEADLINE_MS);
    }
    expect(threads).toHaveLength(1);
  });

  it('replaces one that has not beaten for the deadline, and not a moment earlier', () => {
    latest().beat();
    checkAfter(100);
    checkAfter(DEADLINE_MS);
    expect(threads).toHaveLength(1);
    checkAfter(1);
    expect([threads.length, replaced, threads[0]?.isTerminated]).toEqual([2, ['hung'], true]);
    expect(worker.generation).toBe(2);
  });

  it('takes a beat that came while its own loop stood still', () => {
    latest().beat();
    checkAfter(100);
    latest().beat();
    checkAfter(DEADLINE_MS * 10);
    expect(threads).toHaveLength(1);
  });

  it('replaces one that ends, with its error', () => {
    latest().emit('error', new Error('ERR_WORKER_OUT_OF_MEMORY'));
    latest().emit('exit', 1);
    expect([threads.length, replaced]).toEqual([2, ['ended']]);
  });

  it('drops whatever an earlier generation says, also when it says it late or under a newer name', () => {
    const first = latest();
    first.say('one');
    checkAfter(DEADLINE_MS + 1);
    first.say('late');
    first.say('forged', 2);
    latest().say('early', 1);
    latest().say('two');
    expect(heard).toEqual(['one', 'two']);
    expect(stale).toBe(3);
    first.emit('exit', 0);
    expect(threads).toHaveLength(2);
  });

  it('gives a crash loop up when the budget is spent, and starts anew when it is told to', () => {
    for (let crash = 0; crash < 20; crash += 1) latest().emit('exit', 1);
    expect([threads.length, givenUp, worker.isSupervising]).toEqual([6, 1, false]);
    checkAfter(DEADLINE_MS * 10);
    expect(threads).toHaveLength(6);
    expect(worker.post('work')).toBe(false);
    clock.advance(60_000);
    worker.start();
    expect(threads).toHaveLength(7);
  });

  it('stops in order, and starts nothing afterwards', async () => {
    const thread = latest();
    await worker.stop('stop');
    expect([thread.received, thread.isTerminated]).toEqual([['stop'], false]);
    checkAfter(DEADLINE_MS * 10);
    expect([threads.length, replaced]).toEqual([1, []]);
  });
});

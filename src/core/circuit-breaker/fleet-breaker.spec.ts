import { setTimeout as pause } from 'node:timers/promises';
import { Problem } from '../../common/problem.js';
import { SystemClock } from '../../common/clock.js';
import type { Admission, BreakerOptions, Refusal } from './circuit-breaker.js';
import { CallTimeoutError, CircuitRefusedError } from './circuit-breaker.errors.js';
import { FleetBreaker } from './fleet-breaker.js';

const OPTIONS = {
  windowMs: 60_000,
  minimumCalls: 2,
  failureRateThreshold: 0.5,
  slowCallMs: 0,
  slowCallRateThreshold: 1,
  openMs: 60_000,
  openMaxMs: 60_000,
  openJitter: 0,
  probes: 1,
  quorum: 1,
  timeoutMs: 0,
  concurrencyMax: 0,
  probeLeaseMs: 1000,
};

const make = (options: Partial<BreakerOptions> = {}) =>
  new FleetBreaker('backend', { ...OPTIONS, ...options }, new SystemClock());
const failure = new Error('down');
const open = async (breaker: FleetBreaker) => {
  for (let i = 0; i < OPTIONS.minimumCalls; i += 1)
    await expect(breaker.execute(() => Promise.reject(failure))).rejects.toBe(failure);
  expect(breaker.report().state).toBe('open');
};
/** A call that goes on until it is told to end, whatever its signal says. */
const stubborn = () => {
  let end: () => void = () => undefined;
  const work = new Promise<void>((resolve) => {
    end = resolve;
  });
  return { action: () => work, end };
};

describe('a breaker', () => {
  it('hands through what the action answers or throws, also at once', async () => {
    const breaker = make({ timeoutMs: 1000 });
    expect(await breaker.execute(() => Promise.resolve(42))).toBe(42);
    const thrower = () => {
      throw failure;
    };
    await expect(breaker.execute(thrower)).rejects.toBe(failure);
    await expect(make().execute(thrower)).rejects.toBe(failure);
    expect(breaker.report().callsRunning).toBe(0);
  });

  it('does not make the call while it is open, and says when to come back', async () => {
    const breaker = make();
    await open(breaker);
    let calls = 0;
    const refused = await breaker
      .execute(() => Promise.resolve((calls += 1)))
      .catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(CircuitRefusedError);
    expect(refused).toBeInstanceOf(Error);
    expect(refused).toMatchObject({ breaker: 'backend', reason: 'open', message: 'the circuit is open' });
    expect((refused as CircuitRefusedError).retryAfterMs).toBeGreaterThan(59_000);
    expect((refused as CircuitRefusedError).stack).toBe('CircuitRefusedError: the circuit is open (backend)');
    expect([calls, breaker.refusals.open]).toEqual([0, 1]);
  });

  it('tells its caller of a timeout, aborts the signal, and counts a failure', async () => {
    const breaker = make({ timeoutMs: 20, minimumCalls: 1 });
    let signal: AbortSignal | undefined;
    const call = breaker.execute((running) => {
      signal = running.signal;
      return new Promise(() => undefined);
    });
    await expect(call).rejects.toBeInstanceOf(CallTimeoutError);
    expect([signal?.aborted, breaker.report().state, breaker.counts.outcomes.timeout]).toEqual([
      true,
      'open',
      1,
    ]);
  });

  it('never lets more calls run than its cap, those included that have timed out', async () => {
    const breaker = make({ timeoutMs: 20, concurrencyMax: 2, minimumCalls: 100 });
    const calls = [stubborn(), stubborn(), stubborn()];
    const answers = await Promise.allSettled(calls.map(({ action }) => breaker.execute(action)));
    expect(answers.map((answer) => (answer as PromiseRejectedResult).reason as Error)).toMatchObject([
      { name: 'CallTimeoutError' },
      { name: 'CallTimeoutError' },
      { reason: 'concurrency' },
    ]);
    await expect(breaker.execute(() => Promise.resolve())).rejects.toMatchObject({ reason: 'concurrency' });
    calls[0]?.end();
    await pause(0);
    expect(await breaker.execute(() => Promise.resolve('room'))).toBe('room');
    expect(breaker.report().callsRunning).toBe(1);
  });

  it('is not opened by calls that its cap refuses', async () => {
    const breaker = make({ concurrencyMax: 1 });
    const { action, end } = stubborn();
    const first = breaker.execute(action);
    for (let i = 0; i < 10; i += 1)
      await expect(breaker.execute(() => Promise.resolve())).rejects.toBeInstanceOf(CircuitRefusedError);
    end();
    await first;
    expect(breaker.report().state).toBe('closed');
  });

  it.each([
    ['a refusal of ours', new Problem('CART_EMPTY')],
    ['a 404 of a client', Object.assign(new Error('gone'), { status: 404 })],
    ['a 422 of another client', Object.assign(new Error('invalid'), { statusCode: 422 })],
  ])('is not opened by %s', async (_what, error) => {
    const breaker = make();
    for (let i = 0; i < 10; i += 1)
      await expect(breaker.execute(() => Promise.reject(error))).rejects.toBe(error);
    expect([breaker.report().state, breaker.counts.outcomes.ignored]).toEqual(['closed', 10]);
  });

  it('is opened by a 5xx', async () => {
    const breaker = make();
    const error = Object.assign(new Error('bad gateway'), { status: 502 });
    for (let i = 0; i < 2; i += 1)
      await expect(breaker.execute(() => Promise.reject(error))).rejects.toBe(error);
    expect(breaker.report().state).toBe('open');
  });

  it('does not count a call that its caller gave up, before or while it runs', async () => {
    const breaker = make({ minimumCalls: 1 });
    const controller = new AbortController();
    let signal: AbortSignal | undefined;
    const call = breaker.execute(
      (running) => {
        signal = running.signal;
        return new Promise(() => undefined);
      },
      { signal: controller.signal },
    );
    controller.abort(failure);
    await expect(call).rejects.toBe(failure);
    await expect(breaker.execute(() => Promise.resolve(), { signal: controller.signal })).rejects.toBe(
      failure,
    );
    expect([signal?.aborted, breaker.report().state, breaker.counts.outcomes.ignored]).toEqual([
      true,
      'closed',
      1,
    ]);
  });

  it('falls back on refusals and failures, not on what is the matter of the caller', async () => {
    const breaker = make();
    const fallback = (error: unknown) => `instead of ${(error as Error).message}`;
    const problem = new Problem('CART_EMPTY');
    await expect(breaker.execute(() => Promise.reject(problem), { fallback })).rejects.toBe(problem);
    expect(await breaker.execute(() => Promise.reject<string>(failure), { fallback })).toBe(
      'instead of down',
    );
    await expect(breaker.execute(() => Promise.reject(failure))).rejects.toBe(failure);
    expect(await breaker.execute(() => Promise.resolve('made'), { fallback })).toBe(
      'instead of the circuit is open',
    );
  });

  it('keeps the place of an admission until it is run or released, once', async () => {
    const breaker = make({ concurrencyMax: 1 });
    const admission = (await breaker.admit()) as Admission;
    expect(((await breaker.admit()) as Refusal).reason).toBe('concurrency');
    admission.release();
    admission.release();
    const next = (await breaker.admit()) as Admission;
    expect(await next.run(() => Promise.resolve('made'))).toBe('made');
    await expect(next.run(() => Promise.resolve('again'))).rejects.toThrow('for one call');
    next.release();
    expect(breaker.report().callsRunning).toBe(0);
  });

  it('tells its listeners of changes until they leave', async () => {
    const breaker = make();
    const heard: unknown[] = [];
    const leave = breaker.onChange((event) => heard.push(event));
    await open(breaker);
    leave();
    breaker.disable();
    expect(heard).toEqual([{ breaker: 'backend', from: 'closed', to: 'open', cause: 'results' }]);
  });
});

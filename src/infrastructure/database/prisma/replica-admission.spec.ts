import { ReplicaAdmission, ReplicaLostError } from './replica-admission.js';

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** A replica whose probes succeed or fail as the test says, with pauses that take no time. */
function create(outcomes: ('answers' | 'fails' | 'hangs')[]) {
  const pauses: number[] = [];
  const events: string[] = [];
  let hanging: (() => void) | undefined;
  const admission = new ReplicaAdmission({
    pauseMaxMs: 30_000,
    probe: () => {
      events.push('probe');
      const outcome = outcomes.shift();
      if (outcome === 'answers') return Promise.resolve();
      if (outcome === 'fails') return Promise.reject(new Error('no answer'));
      return new Promise((_resolve, reject) => {
        hanging = () => {
          reject(new Error('no answer'));
        };
      });
    },
    pause: (ms) => {
      pauses.push(ms);
      return Promise.resolve();
    },
    onEjected: (reason) => events.push(`ejected: ${String(reason)}`),
    onReadmitted: () => events.push('readmitted'),
  });
  return { admission, pauses, events, giveUpProbe: () => hanging?.() };
}

describe('the admission of a replica', () => {
  it('ends with a failure, whoever else reports it, and comes back with a probe', async () => {
    const { admission, events, pauses } = create(['fails', 'fails', 'answers']);
    admission.eject('first');
    admission.eject('second');
    expect(admission.isAdmitted).toBe(false);
    await turn();
    expect(admission.isAdmitted).toBe(true);
    expect(events).toEqual(['ejected: first', 'probe', 'probe', 'probe', 'readmitted']);
    expect(pauses).toEqual([250, 500]);
  });

  it('is asked for ever less often, down to every 30 s', async () => {
    const { admission, pauses, giveUpProbe } = create(Array<'fails'>(10).fill('fails'));
    admission.eject('gone');
    await turn();
    expect(pauses).toEqual([250, 500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
    admission.close();
    giveUpProbe();
    await turn();
    expect(pauses).toHaveLength(10);
  });

  it('is not asked more often because it answers probes, but because it answers a read', async () => {
    const { admission, pauses } = create(['answers', 'answers', 'answers', 'answers']);
    for (let round = 0; round < 3; round += 1) {
      admission.eject('does not read');
      await turn();
    }
    expect(pauses).toEqual([250, 500]);
    await admission.run(() => Promise.resolve('read'));
    admission.eject('again');
    await turn();
    expect(pauses).toEqual([250, 500]);
    expect(admission.isAdmitted).toBe(true);
  });

  it('leaves reads in flight alone until a probe has failed too, then gives all of them up', async () => {
    const { admission, giveUpProbe } = create(['hangs', 'answers']);
    const reads = [1, 2, 3].map(() => admission.run(() => new Promise(() => undefined)));
    let settled = 0;
    for (const read of reads) read.catch(() => (settled += 1));
    expect(admission.pending).toBe(3);
    admission.eject('one of many');
    await turn();
    expect(settled).toBe(0);
    giveUpProbe();
    for (const read of reads) await expect(read).rejects.toBeInstanceOf(ReplicaLostError);
  });

  it('takes no notice of what a read says after it was given up', async () => {
    const { admission, giveUpProbe } = create(['hangs', 'hangs']);
    let fail: (error: Error) => void = () => undefined;
    const read = admission.run(() => new Promise((_resolve, reject) => (fail = reject)));
    admission.eject('hangs');
    giveUpProbe();
    await expect(read).rejects.toBeInstanceOf(ReplicaLostError);
    fail(new Error('late'));
    await turn();
    expect(admission.pending).toBe(0);
    admission.close();
  });
});

import { SingleFlight } from './single-flight.js';

describe('a single flight', () => {
  it('is joined while it is under way, and begun anew afterwards', async () => {
    let count = 0;
    const flight = new SingleFlight(() => Promise.resolve((count += 1)));
    expect(await Promise.all([flight.join(), flight.join(), flight.pending])).toEqual([1, 1, 1]);
    expect(flight.pending).toBeNull();
    expect(await flight.join()).toBe(2);
  });

  it('fails for all who joined, and not for those who come later', async () => {
    let isBroken = true;
    const flight = new SingleFlight(() =>
      isBroken ? Promise.reject(new Error('broken')) : Promise.resolve('mended'),
    );
    const joined = await Promise.allSettled([flight.join(), flight.join()]);
    expect(joined.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    isBroken = false;
    expect(await flight.join()).toBe('mended');
  });

  it('is over when its work throws at once', async () => {
    let isBroken = true;
    const flight = new SingleFlight(() => {
      if (isBroken) throw new Error('broken');
      return Promise.resolve('mended');
    });
    await expect(flight.join()).rejects.toThrow('broken');
    isBroken = false;
    expect(await flight.join()).toBe('mended');
  });

  it('overlooks nobody who joins between the end of its work and its own', async () => {
    let asked = 'first';
    let seen = '';
    const answers: Promise<string>[] = [];
    const flight = new SingleFlight(
      () => {
        seen = asked;
        const answer = Promise.resolve(seen);
        if (answers.length === 0)
          void answer.then(() => {
            asked = 'second';
            answers.push(flight.join());
          });
        return answer;
      },
      () => seen !== asked,
    );
    await flight.join();
    expect(await Promise.all(answers)).toEqual(['second']);
  });
});

import { inTurn, steadyArrivals } from './crowd-shape.js';

const environment: Record<string, string> = {};

describe('the shape of a crowd', () => {
  beforeAll(() => Object.assign(globalThis, { __ENV: environment }));
  afterEach(() => {
    for (const name of Object.keys(environment)) Reflect.deleteProperty(environment, name);
  });

  it('comes at a rate per second that the answers do not slow down', () => {
    expect(steadyArrivals({ rate: 5, vus: 7 })).toEqual({
      executor: 'constant-arrival-rate',
      rate: 5,
      timeUnit: '1s',
      duration: '30s',
      preAllocatedVUs: 7,
      maxVUs: 7,
    });
    environment['DURATION'] = '2m';
    expect(steadyArrivals({ rate: 5, vus: 7 })).toMatchObject({ duration: '2m' });
    expect(steadyArrivals({ rate: 5, vus: 7, duration: '1h', exec: 'buy' })).toMatchObject({
      duration: '1h',
      exec: 'buy',
    });
  });

  it('may be several crowds, each after the one before', () => {
    const crowds = inTurn(
      [
        { name: 'calm', rate: 10, seconds: 5 },
        { name: 'rush', rate: 99.6, seconds: 3 },
        { name: 'after', rate: 0.1, seconds: 4, pauseSeconds: 2 },
      ],
      { vus: 70, exec: 'visit' },
    );
    expect(Object.keys(crowds)).toEqual(['calm', 'rush', 'after']);
    expect(crowds['calm']).toMatchObject({
      rate: 10,
      duration: '5s',
      startTime: '0s',
      exec: 'visit',
      maxVUs: 50,
    });
    expect(crowds['rush']).toMatchObject({ rate: 100, duration: '3s', startTime: '5s', maxVUs: 70 });
    expect(crowds['after']).toMatchObject({ rate: 1, duration: '4s', startTime: '10s' });
  });
});

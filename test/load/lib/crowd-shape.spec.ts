import { answeredWithin, flawless, steadyArrivals } from './crowd-shape.js';

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

  it('may meet so many failures and no visitor who was dropped', () => {
    expect(flawless(0.0001)).toEqual({
      http_req_failed: ['rate<0.0001'],
      checks: ['rate>0.9999'],
      dropped_iterations: ['count==0'],
    });
  });

  it('waits no longer than P95_MS', () => {
    expect(answeredWithin(['pay_order'], 300)).toEqual({
      'http_req_duration{name:pay_order}': ['p(95)<300'],
    });
    environment['P95_MS'] = '50';
    expect(Object.values(answeredWithin(['a', 'b'], 300))).toEqual([['p(95)<50'], ['p(95)<50']]);
  });
});

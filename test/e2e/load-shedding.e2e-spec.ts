import { connect, type Socket } from 'node:net';
import { LoadShedding } from '../../src/core/load-shedding/index.js';
import { Metrics } from '../../src/infrastructure/metrics/index.js';
import { type AppUnderTest, startApp } from '../support/app-harness.js';
import { startTestServices, type TestServices } from '../support/services/index.js';
import { waitFor } from '../support/wait-for.js';

/** So many requests may be open; the test holds as many. */
const LIMIT = 2;

/** What a fleet does for those who pay is in degradation.e2e-spec.ts. */
describe('an overloaded process', () => {
  let services: TestServices;
  let application: AppUnderTest;
  const sockets: Socket[] = [];

  beforeAll(async () => {
    services = await startTestServices();
    application = await start();
  });

  afterEach(async () => {
    hangUp();
    await waitFor('the requests to be forgotten', async () => (await countOpen()) === 0);
  });

  afterAll(async () => {
    await application.close();
    await services.close();
  });

  const start = (env: Record<string, string> = {}) =>
    startApp({
      services,
      env: { LOAD_SHEDDING_LIMIT_MIN: String(LIMIT), LOAD_SHEDDING_LIMIT_MAX: String(LIMIT), ...env },
    });

  const metricsText = () => application.app.get(Metrics).registry.metrics();
  const countOpen = async (): Promise<number> =>
    [...(await metricsText()).matchAll(/^load_shedding_requests_open\{.*\} (\d+)$/gm)].reduce(
      (sum, [, count]) => sum + Number(count),
      0,
    );
  const hangUp = (): void => {
    for (const socket of sockets.splice(0)) socket.destroy();
  };

  /** Reads the answer to its end: one that is left unread holds its connection. */
  const ask = async (path: string, method = 'GET', { url } = application) => {
    const answer = await fetch(url + path, { method });
    const body = (await answer.json()) as Record<string, unknown>;
    return { status: answer.status, headers: answer.headers, body };
  };

  /** Requests that fill the limit, because their bodies do not arrive. */
  const holdOpen = (path: string): Promise<void> => {
    for (let i = 0; i < LIMIT; i += 1) {
      const socket = connect(Number(new URL(application.url).port), '127.0.0.1');
      sockets.push(socket);
      socket.on('error', () => undefined);
      socket.write(
        `POST ${path} HTTP/1.1\r\nHost: shop.example\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n`,
      );
    }
    return waitFor('the limit to be reached', async () => (await countOpen()) >= LIMIT);
  };

  it('takes everybody back when the requests have ended, whatever their end', async () => {
    await holdOpen('/api/v1/cart/lines');
    const browse = async () => (await ask('/api/v1/products')).status;
    expect(await browse()).toBe(503);
    hangUp();
    await waitFor('browsing to be answered', async () => (await browse()) === 200);
    for (let i = 0; i < 3 * LIMIT; i += 1) expect(await browse()).toBe(200);
  });

  it('bounds even the critical requests', async () => {
    await holdOpen('/api/v1/orders');
    const answer = await ask('/api/v1/orders', 'POST');
    expect(answer.status).toBe(503);
    expect(answer.body).toMatchObject({ code: 'SERVER_OVERLOADED' });
    expect((await ask('/health/live')).status).toBe(200);
  });

  it('without the feature turns nobody away', async () => {
    const other = await start({ FEATURE_LOAD_SHEDDING: 'false' });
    try {
      expect(() => other.app.get(LoadShedding)).toThrow();
      const answers = await Promise.all(
        Array.from({ length: 10 * LIMIT }, () => ask('/api/v1/products', 'GET', other)),
      );
      expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
      const metrics = await other.app.get(Metrics).registry.metrics();
      expect(metrics).not.toContain('load_shedding_');
      expect(metrics).toContain('feature_enabled{feature="load_shedding"} 0');
    } finally {
      await other.close();
    }
  });
});

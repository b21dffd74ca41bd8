import { findFreePort } from '../../scripts/services/ports.mjs';
import { testEnvironment } from '../support/app-harness.js';
import { AppProcess } from '../support/app-process.js';
import { SentryIngest } from '../support/sentry-ingest.js';
import { startTestServices, type TestServices } from '../support/services/index.js';
import { ADDRESS, type Buyer, Shop } from '../support/shop.builder.js';
import { newTrace } from '../support/tracing-under-test.js';
import { waitFor } from '../support/wait-for.js';

const REQUEST_FAILED = 'a request failed in a way nobody foresaw';
const JOB_FAILED = 'a job failed';
/** A process starts in seconds, and in a minute where ten others do. */
const DEADLINE_MS = 240_000;
const WAIT_MS = 100_000;

/** Makes a process say whether it loads Sentry's code, and gives it a defect that SIGUSR2 brings out. */
const PLANTED = `--import=data:text/javascript,${encodeURIComponent(
  `import { registerHooks } from 'node:module';
   registerHooks({ resolve(name, context, next) {
     if (name.startsWith('@sentry/')) console.log('LOADED ' + name);
     return next(name, context);
   } });
   process.on('SIGUSR2', () => setImmediate(() => { throw new Error('a planted defect'); }));`,
)}`;

describe('errors that nobody foresaw', () => {
  let services: TestServices;
  let shop: Shop;
  let buyer: Buyer;
  let variantId: string;
  let ingest: SentryIngest;
  let application: AppProcess;

  beforeAll(async () => {
    services = await startTestServices();
    shop = new Shop(services.databaseUrl);
    buyer = await shop.createBuyer();
    variantId = await shop.createVariant(1000);
  });
  beforeEach(async () => {
    ingest = await SentryIngest.start();
  });
  afterEach(async () => {
    await application.stop();
    await ingest.close();
  });
  afterAll(async () => {
    await shop.close();
    await services.close();
  });

  const start = async (env: Record<string, string>) => {
    application = await AppProcess.start(
      testEnvironment(services, {
        LOG_LEVEL: 'info',
        NODE_OPTIONS: PLANTED,
        SWEEPER_INTERVAL_MS: '100',
        SENTRY_ENVIRONMENT: 'staging',
        SENTRY_RELEASE: 'caudal@1.2.3',
        ...env,
      }),
    );
  };

  const order = async (body: object = {}, traceparent?: string) =>
    fetch(`${application.url}/api/v1/orders`, {
      method: 'POST',
      headers: {
        'Content-Type': 'application/json',
        'Idempotency-Key': crypto.randomUUID(),
        Authorization: `Bearer ${buyer.token}`,
        Cookie: 'refresh=a-private-cookie',
        ...(traceparent === undefined ? {} : { traceparent }),
      },
      body: JSON.stringify(body),
    });
  const placeable = () => ({ lines: [{ variantId, quantity: 1 }], shippingAddress: ADDRESS });

  it(
    'are reported with their request, trace and release, and with nothing of the request itself',
    async () => {
      await start({ SENTRY_DSN: ingest.dsn, ROLE: 'api' });
      // What a client did wrong is none of them.
      expect((await order()).status).toBe(400);
      const { traceId, traceparent } = newTrace();
      await shop.withoutOrders(async () => {
        const answer = await order(placeable(), traceparent('01'));
        expect(answer.status).toBe(500);
        await waitFor('the report', () => ingest.events.length > 0, WAIT_MS);
        expect(ingest.events).toMatchObject([
          {
            logentry: { message: REQUEST_FAILED },
            environment: 'staging',
            release: 'caudal@1.2.3',
            tags: { requestId: answer.headers.get('x-request-id'), traceId, role: 'api' },
            contexts: { trace: { trace_id: traceId } },
          },
        ]);
      });
      expect(JSON.stringify(ingest.events[0]?.exception)).toContain('orders');
      for (const secret of [buyer.token, 'a-private-cookie', ADDRESS.line1, ADDRESS.name])
        expect(ingest.bodies.join()).not.toContain(secret);
      expect(application.log).toContain('LOADED @sentry/core');
      expect((await order(placeable())).status).toBe(201);
      expect(ingest.events).toHaveLength(1);
    },
    DEADLINE_MS,
  );

  it(
    'are reported of jobs',
    async () => {
      await start({ SENTRY_DSN: ingest.dsn, ROLE: 'worker' });
      await shop.withoutOrders(async () => {
        await waitFor('the report', () => ingest.of(JOB_FAILED).length > 0, WAIT_MS);
      });
      expect(ingest.of(JOB_FAILED).map(({ tags }) => tags)).toContainEqual({
        job: 'reservation-sweeper',
        role: 'worker',
      });
    },
    DEADLINE_MS,
  );

  it(
    'are reported of a process that ends by one',
    async () => {
      await start({ SENTRY_DSN: ingest.dsn });
      expect(await application.stop('SIGUSR2')).toBe(1);
      expect(ingest.of('the process crashed')).toMatchObject([
        { exception: { values: [{ type: 'Error', value: 'a planted defect' }] } },
      ]);
      expect(application.log).toMatch(/^\{"level":"error".*"a planted defect".*"the process crashed"\}$/m);
    },
    DEADLINE_MS,
  );

  it(
    'cost the shop nothing that nobody takes reports of',
    async () => {
      await start({ SENTRY_DSN: `http://publickey@127.0.0.1:${String(await findFreePort())}/42` });
      const counted = (outcome: string) => application.metric(`error_reports_total{outcome="${outcome}"}`);
      await shop.withoutOrders(async () => {
        for (let round = 0; round < 10; round += 1) {
          const answers = await Promise.all(Array.from({ length: 20 }, () => order(placeable())));
          expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 500));
        }
        await waitFor('the rate', async () => (await counted('rate-limited')) > 0, WAIT_MS);
        await waitFor('the failures', async () => (await counted('failed')) > 0, WAIT_MS);
        expect(await application.metric('error_reports_waiting')).toBeLessThanOrEqual(32);
      });
      await waitFor('the shop', async () => (await order(placeable())).status === 201, WAIT_MS);
      expect(await application.stop()).toBe(0);
    },
    DEADLINE_MS,
  );

  it(
    'are only logged without a DSN: nothing of Sentry is loaded',
    async () => {
      await start({});
      await shop.withoutOrders(async () => {
        expect((await order(placeable())).status).toBe(500);
      });
      await waitFor('the line', () => application.log.includes(REQUEST_FAILED), WAIT_MS);
      expect(await application.stop('SIGUSR2')).toBe(1);
      expect(application.log).toContain('the process crashed');
      expect(application.log).not.toContain('LOADED @sentry');
    },
    DEADLINE_MS,
  );
});

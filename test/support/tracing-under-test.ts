import { randomBytes } from 'node:crypto';
import { testEnvironment } from './app-harness.js';
import { AppProcess } from './app-process.js';
import { startTestServices, type TestServices } from './services/index.js';
import { ADDRESS, type Buyer, Shop } from './shop.builder.js';
import { TraceCollector } from './trace-collector.js';

/** What a caller sends who traces; `flags` is `01` of one who records, otherwise `00`. */
export const newTrace = () => {
  const [traceId, spanId] = [randomBytes(16).toString('hex'), randomBytes(8).toString('hex')];
  return { traceId, spanId, traceparent: (flags: '00' | '01') => `00-${traceId}-${spanId}-${flags}` };
};

interface OrderAnswer {
  readonly status: number;
  readonly requestId: string | null;
  readonly body: Record<string, unknown>;
}

/** A shop, a collector of its traces, and processes of the application that are stopped after each test. */
export class TracingUnderTest {
  private readonly processes: AppProcess[] = [];

  private constructor(
    readonly services: TestServices,
    readonly collector: TraceCollector,
    readonly shop: Shop,
    readonly buyer: Buyer,
    readonly variantId: string,
  ) {}

  static async start(): Promise<TracingUnderTest> {
    const services = await startTestServices();
    const shop = new Shop(services.databaseUrl);
    const collector = await TraceCollector.start();
    return new TracingUnderTest(
      services,
      collector,
      shop,
      await shop.createBuyer(),
      await shop.createVariant(100),
    );
  }

  /** Exports to the collector what the caller records, and the given share of the rest. */
  startTraced(sampleRatio: '0' | '1', env: Record<string, string> = {}): Promise<AppProcess> {
    return this.startProcess({
      OTEL_EXPORTER_OTLP_ENDPOINT: this.collector.url,
      OTEL_TRACES_SAMPLER_ARG: sampleRatio,
      ...env,
    });
  }

  async startProcess(env: Record<string, string>): Promise<AppProcess> {
    const application = await AppProcess.start(
      testEnvironment(this.services, { LOG_LEVEL: 'info', ACCESS_LOG: 'all', ...env }),
    );
    this.processes.push(application);
    return application;
  }

  async stopProcesses(): Promise<void> {
    for (const application of this.processes.splice(0)) await application.stop();
  }

  async order(
    application: AppProcess,
    traceparent?: string,
    body: object = this.orderOf(this.variantId),
  ): Promise<OrderAnswer> {
    return this.post(application, '/api/v1/orders', traceparent, body);
  }

  async post(
    application: AppProcess,
    path: string,
    traceparent: string | undefined,
    body: object = {},
  ): Promise<OrderAnswer> {
    const answer = await fetch(application.url + path, {
      method: 'POST',
      headers: {
        'Content-Type': 'application/json',
        'Idempotency-Key': crypto.randomUUID(),
        Authorization: `Bearer ${this.buyer.token}`,
        ...(traceparent === undefined ? {} : { traceparent }),
      },
      body: JSON.stringify(body),
    });
    return {
      status: answer.status,
      requestId: answer.headers.get('x-request-id'),
      body: (await answer.json()) as Record<string, unknown>,
    };
  }

  orderOf(...variantIds: string[]): object {
    return {
      lines: variantIds.map((variantId) => ({ variantId, quantity: 1 })),
      shippingAddress: ADDRESS,
    };
  }

  async close(): Promise<void> {
    await this.shop.close();
    await this.collector.close();
    await this.services.close();
  }
}

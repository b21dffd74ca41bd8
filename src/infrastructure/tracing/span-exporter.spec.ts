import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { BasicTracerProvider } from '@opentelemetry/sdk-trace-base';
import { Metrics } from '../metrics/index.js';
import { SpanExporter } from './span-exporter.js';

describe('the exporter of spans', () => {
  let server: Server;
  let metrics: Metrics;
  let exporter: SpanExporter;

  const open = async (answer: (request: IncomingMessage, response: ServerResponse) => void) => {
    server = createServer((request, response) => {
      request.resume();
      answer(request, response);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    exporter = new SpanExporter({ url: `http://127.0.0.1:${String(port)}/v1/traces`, headers: {} });
    metrics = new Metrics();
    exporter.expose(metrics);
  };
  const record = (count: number): void => {
    const tracer = new BasicTracerProvider({ spanProcessors: [exporter] }).getTracer('test');
    for (let i = 0; i < count; i += 1) tracer.startSpan('work').end();
  };
  const valueOf = async (series: string): Promise<number> => {
    const line = (await metrics.registry.metrics()).split('\n').find((text) => text.startsWith(`${series} `));
    return Number(line?.split(' ')[1]);
  };

  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  it('sends everything in batches, and counts it', async () => {
    let posts = 0;
    await open((_request, response) => {
      posts += 1;
      response.end('{}');
    });
    record(1300);
    await exporter.forceFlush();
    expect(posts).toBe(3);
    expect(await valueOf('tracing_spans_exported_total')).toBe(1300);
    expect(await valueOf('tracing_spans_waiting')).toBe(0);
  });

  it('drops and counts what a silent collector leaves no room for', async () => {
    await open(() => undefined);
    // 512 are under way, 2048 wait.
    record(512 + 2048 + 7);
    expect(await valueOf('tracing_spans_waiting')).toBe(2048);
    expect(await valueOf('tracing_spans_dropped_total{reason="queue-full"}')).toBe(7);
  });

  it('counts what a collector refuses, and does not send it again', async () => {
    let posts = 0;
    await open((_request, response) => {
      posts += 1;
      response.writeHead(500).end();
    });
    record(3);
    await exporter.forceFlush();
    expect(posts).toBe(1);
    expect(await valueOf('tracing_spans_dropped_total{reason="export-failed"}')).toBe(3);
  });

  it('ends within the timeout of one export, however much is left', async () => {
    await open(() => undefined);
    record(2000);
    const start = performance.now();
    await exporter.shutdown();
    expect(performance.now() - start).toBeLessThan(4000);
    record(1);
    expect(await valueOf('tracing_spans_waiting')).toBe(0);
    expect(await valueOf('tracing_spans_exported_total')).toBe(0);
  });
});

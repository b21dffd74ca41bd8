import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { OtlpTracing } from './otlp-tracing.js';
import { LINKS_MAX } from './tracing.js';

interface Exported {
  readonly name: string;
  readonly traceId: string;
  readonly parentSpanId?: string;
  readonly links: { readonly traceId: string; readonly spanId: string }[];
  readonly attributes: { readonly key: string; readonly value: object }[];
}

describe('spans of batches', () => {
  let server: Server;
  let tracing: OtlpTracing;
  const spans: Exported[] = [];

  beforeEach(async () => {
    spans.length = 0;
    server = createServer((request, response) => {
      void request.toArray().then((chunks: Buffer[]) => {
        const { resourceSpans } = JSON.parse(Buffer.concat(chunks).toString()) as {
          resourceSpans: { scopeSpans: { spans: Exported[] }[] }[];
        };
        for (const { scopeSpans } of resourceSpans) spans.push(...scopeSpans.flatMap((scope) => scope.spans));
        response.end('{}');
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const endpoint = `http://127.0.0.1:${String(port)}`;
    // Nothing that begins here is recorded for its own sake.
    tracing = new OtlpTracing({ endpoint, headers: {}, sampleRatio: 0, serviceName: 'test' });
  });

  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  const cause = (n: number, flags = '01'): string =>
    `00-${String(n).padStart(32, 'a')}-${String(n).padStart(16, 'b')}-${flags}`;

  it('are linked once to each cause that is recorded, and recorded for its sake', async () => {
    const causes = [cause(1), null, cause(2), cause(1), cause(3, '00'), 'nonsense'];
    tracing.startBatch('batch', 'consumer', { count: 6 }, causes)?.end();
    await tracing.close();
    expect(spans).toMatchObject([
      {
        name: 'batch',
        links: [1, 2].map((n) => ({ traceId: cause(n).slice(3, 35), spanId: cause(n).slice(36, 52) })),
        attributes: [{ key: 'count' }],
      },
    ]);
  });

  it('have no more links than OpenTelemetry keeps, and say how many are missing', async () => {
    const causes = Array.from({ length: LINKS_MAX + 5 }, (_, n) => cause(n + 1));
    tracing.startBatch('batch', 'consumer', {}, causes)?.end();
    await tracing.close();
    expect(spans[0]?.links).toHaveLength(LINKS_MAX);
    expect(spans[0]?.attributes).toEqual([{ key: 'caudal.links_left_out', value: { intValue: 5 } }]);
  });

  it('do not exist where nobody records anything', () => {
    expect(tracing.startBatch('batch', 'consumer', {}, [null, cause(1, '00')])).toBeNull();
  });

  it('belong to what their work was asked for in, whoever sets it off', () => {
    const [asked, other] = [1, 2].map((n) => tracing.startRoot('job', 'internal', {}, cause(n)));
    if (!asked || !other) throw new Error('the caller records');
    const [inAsked, nowhere] = [tracing.run(asked, () => tracing.here()), tracing.here()];
    const traces = tracing.run(other, () => [
      inAsked(() => tracing.traceId()),
      nowhere(() => tracing.traceId()),
      tracing.traceId(),
    ]);
    expect(traces).toEqual([asked.traceId, null, other.traceId]);
  });

  it('lie below the work that they are part of', async () => {
    const job = tracing.startRoot('job', 'internal', {}, cause(7));
    if (job === null) throw new Error('the caller records');
    const traceId = tracing.run(job, () => {
      tracing.startBatch('batch', 'consumer', {}, [])?.end();
      return tracing.traceId();
    });
    job.end();
    await tracing.close();
    const [batch, parent] = spans;
    expect([batch?.name, batch?.traceId, parent?.name]).toEqual(['batch', cause(7).slice(3, 35), 'job']);
    expect(batch?.parentSpanId).toBeDefined();
    expect(traceId).toBe(batch?.traceId);
    expect(tracing.traceId()).toBeNull();
  });
});

import { once } from 'node:events';
import { connect, type AddressInfo } from 'node:net';
import Fastify, { type FastifyInstance } from 'fastify';
import { type AppConfig, loadConfig } from '../../config/index.js';
import { RecordingLogger } from '../../infrastructure/logging/recording-logger.js';
import { Metrics } from '../../infrastructure/metrics/index.js';
import { RequestDeadlines } from './request-deadlines.js';

/** A handler that answers when it is told to. */
class Gate {
  entered = 0;
  private release: () => void = () => undefined;
  private readonly opened = new Promise<void>((resolve) => (this.release = resolve));

  open(): void {
    this.release();
  }

  async pass(): Promise<string> {
    this.entered += 1;
    await this.opened;
    return 'late';
  }
}

describe('the deadline of a request', () => {
  let fastify: FastifyInstance;
  let deadlines: RequestDeadlines;
  let metrics: Metrics;
  let gate: Gate;
  let logger: RecordingLogger;
  const gone: string[] = [];
  const rejections: unknown[] = [];
  const noteRejection = (error: unknown) => rejections.push(error);

  async function begin(deadlineMs: number): Promise<void> {
    logger = new RecordingLogger();
    metrics = new Metrics();
    gate = new Gate();
    deadlines = new RequestDeadlines(
      { env: { REQUEST_DEADLINE_MS: deadlineMs } } as AppConfig,
      logger,
      metrics,
    );
    fastify = Fastify();
    deadlines.attach(fastify, ({ request }) => gone.push(request.url));
    fastify.addHook('onRequest', (_request, reply, done) => {
      deadlines.begin(reply);
      done();
    });
    fastify.addHook('onResponse', (_request, reply, done) => {
      deadlines.end(reply);
      done();
    });
    fastify.get('/slow/:id', async (_request, reply) => reply.send(await gate.pass()));
    fastify.get('/failing', async () => {
      await gate.pass();
      throw new Error('too late to matter');
    });
    fastify.get('/fast', () => 'done');
    fastify.post('/body', () => 'done');
    await fastify.listen({ port: 0, host: '127.0.0.1' });
  }

  const port = () => (fastify.server.address() as AddressInfo).port;
  const get = async (path: string) => {
    const response = await fetch(`http://127.0.0.1:${String(port())}${path}`);
    return { status: response.status, headers: response.headers, text: await response.text() };
  };

  const until = async (condition: () => boolean): Promise<void> => {
    const endMs = performance.now() + 5000;
    while (!condition()) {
      if (performance.now() > endMs) throw new Error('waited in vain');
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const counted = async () =>
    /^http_deadlines_exceeded_total\{.*$/m.exec(await metrics.registry.metrics())?.[0];

  beforeAll(() => process.on('unhandledRejection', noteRejection));
  afterAll(() => process.off('unhandledRejection', noteRejection));
  afterEach(async () => {
    await fastify.close();
    expect(rejections.splice(0)).toEqual([]);
  });

  it.each(['/slow/1', '/failing'])('answers %s with 503, and its late answer with nothing', async (url) => {
    await begin(0);
    const answer = get(url);
    await until(() => gate.entered === 1);
    deadlines.sweep();
    const { status, headers, text } = await answer;
    expect([status, headers.get('retry-after')]).toEqual([503, '1']);
    expect(JSON.parse(text)).toMatchObject({ code: 'REQUEST_DEADLINE_EXCEEDED' });
    gate.open();
    await new Promise((resolve) => setImmediate(resolve));
    expect(deadlines.unanswered()).toEqual([]);
    expect((await get('/fast')).text).toBe('done');
  });

  it('is counted and logged by the pattern of the route', async () => {
    await begin(0);
    const answer = get('/slow/17');
    await until(() => gate.entered === 1);
    deadlines.sweep();
    await answer;
    deadlines.sweep();
    expect(await counted()).toBe('http_deadlines_exceeded_total{method="GET",route="/slow/:id"} 1');
    expect(logger.fieldsOf('warn')).toEqual([expect.objectContaining({ method: 'GET', route: '/slow/:id' })]);
    gate.open();
  });

  it('leaves requests alone that are younger, and names them as unanswered', async () => {
    await begin(60_000);
    const answer = get('/slow/1');
    await until(() => gate.entered === 1);
    deadlines.sweep();
    expect(deadlines.unanswered()).toEqual([expect.objectContaining({ route: '/slow/:id' })]);
    gate.open();
    const { status, text } = await answer;
    expect([status, text]).toEqual([200, 'late']);
    expect(deadlines.unanswered()).toEqual([]);
    expect(await counted()).toBeUndefined();
  });

  it('is 408 for a body that does not arrive, and ends the connection', async () => {
    await begin(0);
    const socket = connect(port(), '127.0.0.1');
    let received = '';
    socket.on('data', (chunk: Buffer) => (received += chunk.toString()));
    socket.write(
      'POST /body HTTP/1.1\r\nHost: shop\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{',
    );
    await until(() => deadlines.unanswered().length === 1);
    deadlines.sweep();
    await once(socket, 'close');
    expect(received).toMatch(/^HTTP\/1\.1 408 /);
    expect(received).toContain('REQUEST_TIMEOUT');
    expect(await counted()).toBeUndefined();
  });

  it('forgets a client that is gone, long before the deadline, and says so once', async () => {
    await begin(60_000);
    const socket = connect(port(), '127.0.0.1');
    socket.write('GET /slow/1 HTTP/1.1\r\nHost: shop\r\n\r\n');
    await until(() => gate.entered === 1);
    socket.destroy();
    await until(() => deadlines.unanswered().length === 0);
    deadlines.sweep();
    deadlines.sweep();
    expect(gone.splice(0)).toEqual(['/slow/1']);
    gate.open();
    expect(await counted()).toBeUndefined();
  });

  it('is longer than every deadline inside and shorter than that of the shutdown', () => {
    const { env } = loadConfig({ DATABASE_URL: 'postgres://localhost/none' });
    for (const [name, value] of Object.entries({
      DATABASE: env.DATABASE_ACQUIRE_TIMEOUT_MS + env.DATABASE_STATEMENT_TIMEOUT_MS,
      ORDER: env.ORDER_DEADLINE_MS + env.DATABASE_STATEMENT_TIMEOUT_MS,
      PAYMENT: env.PAYMENT_PROVIDER_TIMEOUT_MS + env.DATABASE_STATEMENT_TIMEOUT_MS,
    }))
      expect([name, env.REQUEST_DEADLINE_MS > value]).toEqual([name, true]);
    expect(env.SHUTDOWN_DEADLINE_MS).toBeGreaterThan(env.REQUEST_DEADLINE_MS);
  });
});

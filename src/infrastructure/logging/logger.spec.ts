import { mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from '../../config/index.js';
import { startTracing } from '../tracing/index.js';
import { createLogger } from './logger.js';

describe('the log', () => {
  const directory = mkdtempSync(join(tmpdir(), 'caudal-log-'));
  const path = join(directory, 'lines');
  // Never closed: the logger writes when it likes.
  const fd = openSync(path, 'w');
  afterAll(() => {
    rmSync(directory, { recursive: true });
  });

  it('names the trace of what the caller runs in, unless the line names one itself', async () => {
    const logger = createLogger('info', fd);
    logger.info({}, 'before there is tracing');
    const tracing = await startTracing(
      loadConfig({
        DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none',
        REDIS_URL: 'redis://127.0.0.1:1',
        OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1',
        OTEL_TRACES_SAMPLER_ARG: '1',
      }),
    );
    const span = tracing?.startRoot('work', 'internal', {}) ?? null;
    if (tracing === null || span === null) throw new Error('tracing is on');
    logger.warn({}, 'outside');
    await tracing.run(span, async () => {
      logger.warn({ n: 1 }, 'inside');
      await Promise.resolve();
      logger.error({ traceId: 'of another' }, 'of another');
    });
    logger.flush();
    const lines = readFileSync(path, 'utf8').trim().split('\n');
    const traceIds = lines.map((line) => (JSON.parse(line) as { traceId?: string }).traceId);
    expect(traceIds).toEqual([undefined, undefined, span.traceId, 'of another']);
    await tracing.close();
  });
});

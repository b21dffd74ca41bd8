import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { findFreePort } from '../../scripts/services/ports.mjs';
import { testEnvironment } from '../support/app-harness.js';
import { AppProcess } from '../support/app-process.js';
import { startTestServices, type TestServices } from '../support/services/index.js';

const OPERATIONS = join(import.meta.dirname, '../../docs/operations.md');

/** What dashboards and the autoscaler were promised. */
const PROMISED = [
  'http_requests_total',
  'http_request_duration_seconds',
  'database_connections_active',
  'cache_hits_total',
  'cache_misses_total',
  'orders_completed_total',
];

describe('the metrics', () => {
  let services: TestServices;
  let application: AppProcess;
  let text: string;

  beforeAll(async () => {
    services = await startTestServices();
    const nobody = `127.0.0.1:${String(await findFreePort())}`;
    application = await AppProcess.start(
      testEnvironment(services, {
        OTEL_EXPORTER_OTLP_ENDPOINT: `http://${nobody}`,
        SENTRY_DSN: `http://key@${nobody}/1`,
      }),
    );
    text = await (await fetch(`${application.managementUrl}/metrics`)).text();
  });

  afterAll(async () => {
    await application.stop();
    await services.close();
  });

  const namesOf = (pattern: RegExp) => [...text.matchAll(pattern)].map(([, name = '']) => name);

  it('are those that the operations page lists, no more and no fewer', () => {
    const own = namesOf(/^# TYPE (\w+) /gm).filter((name) => !/^(process|nodejs)_/.test(name));
    const rows = readFileSync(OPERATIONS, 'utf8')
      .split('\n')
      .filter((line) => /^\|[^|]*\| *(counter|gauge|histogram) *\|/.test(line));
    const listed = rows.flatMap((line) =>
      [...(line.split('|')[1] ?? '').matchAll(/`(\w+)`/g)].map(([, name = '']) => name),
    );
    expect(listed.sort()).toEqual(own.sort());
  });

  it('have the names that were promised, and those of the process', () => {
    expect(namesOf(/^# TYPE (\w+) /gm)).toEqual(
      expect.arrayContaining([...PROMISED, 'process_cpu_seconds_total', 'nodejs_eventloop_lag_seconds']),
    );
  });
});

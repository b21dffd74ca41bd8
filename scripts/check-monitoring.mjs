// npm run check:monitoring
// Rules, their tests and seeded mistakes, runbooks, dashboards, routes of alerts.
import { fileURLToPath } from 'node:url';
import { runMonitoringChecks } from './monitoring/check-rules.mjs';

const failures = await runMonitoringChecks(fileURLToPath(new URL('../', import.meta.url)), console.log);
// The collectors of prom-client, whose names were read, keep watching the process.
process.exit(failures === 0 ? 0 : 1);

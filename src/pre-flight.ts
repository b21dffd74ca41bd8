import { runPreFlight } from './bootstrap/pre-flight/run-pre-flight.js';
import { runTool } from './bootstrap/run-tool.js';
import { loadConfig } from './config/index.js';

/**
 * node dist/pre-flight.js: what the entry point of the image asks before it applies migrations. It loads little,
 * because its time counts as part of the start.
 */
runTool('pre-flight', async () => runPreFlight(loadConfig()));

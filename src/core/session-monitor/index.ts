export { type SessionStatistics } from './session-monitor.js';
export { WorkerMonitorModule } from './worker-monitor.module.js';

import { createServer, type Server } from 'node:http';
import type { ProcessState } from '../core/health/index.js';
import type { Metrics } from '../infrastructure/metrics/index.js';

/** /metrics and the probes on a port of their own, which no ingress exposes and no limit sheds. */
export function createManagementServer(metrics: Metrics, state: ProcessState): Server {
  return createServer((request, response) => {
    const send = (status: number, type: string, body: string) => {
      response.writeHead(status, { 'Content-Type': type });
      response.end(body);
    };
    switch (request.url) {
      case '/metrics':
        metrics.registry.metrics().then(
          (text) => {
            send(200, metrics.registry.contentType, text);
          },
          () => {
            send(500, 'text/plain', 'the metrics cannot be collected\n');
          },
        );
        return;
      case '/health/live':
        send(200, 'application/json', '{"status":"live"}');
        return;
      case '/health/ready':
        send(
          state.phase === 'ready' ? 200 : 503,
          'application/json',
          JSON.stringify({ status: state.phase }),
        );
        return;
      default:
        send(404, 'text/plain', 'not found\n');
    }
  });
}

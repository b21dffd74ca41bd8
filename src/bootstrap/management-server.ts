import { createServer, type Server } from 'node:http';
import type { HealthAnswers, ProbeAnswer } from '../core/health/index.js';
import type { Metrics } from '../infrastructure/metrics/index.js';

/** /metrics and the probes on a port of their own, which no ingress exposes and no limit sheds. */
export function createManagementServer(metrics: Metrics, answers: HealthAnswers): Server {
  return createServer((request, response) => {
    const send = (status: number, type: string, body: string) => {
      response.writeHead(status, { 'Content-Type': type });
      response.end(body);
    };
    const answer = ({ status, body }: ProbeAnswer) => {
      send(status, 'application/json', body);
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
      case '/health':
        void Promise.resolve(answers.summary()).then(answer);
        return;
      case '/health/live':
        answer(answers.live());
        return;
      case '/health/ready':
        answer(answers.ready());
        return;
      case '/health/startup':
        answer(answers.startup());
        return;
      case '/health/process':
        answer(answers.process());
        return;
      default:
        send(404, 'text/plain', 'not found\n');
    }
  });
}

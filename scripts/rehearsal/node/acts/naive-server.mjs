// @ts-check
// What the restarts are measured against: a server that ends when it is told to, as Node does by itself, behind a
// Service and with nothing in front. Not a goal: it says how much there was to lose.
import { Agent, get } from 'node:http';
import { parseJson } from '../../../services/json-file.mjs';

const RESTARTS = 3;
const CLIENTS = 16;
const PORT = 8080;
const SERVER = `const { createServer } = require('node:http');
createServer((request, response) => setTimeout(() => response.end('ok'), 20)).listen(${String(PORT)});
process.once('SIGTERM', () => process.exit(0));`;

const NAMESPACE = '--namespace=caudal';
const ROLLOUT = [NAMESPACE, 'deployment/naive'];

/** @param {import('./stage.mjs').Stage} stage */
export async function restartNaiveServer({ installation: { kubectl }, rehearsal: { say } }) {
  const labels = { 'app.kubernetes.io/name': 'naive' };
  const metadata = { name: 'naive', namespace: 'caudal' };
  const api =
    /** @type {{ spec: { template: { spec: { securityContext: object, containers: object[] } } } }} */ (
      parseJson(await kubectl(['get', NAMESPACE, 'deployment/caudal-api', '--output=json']))
    );
  const { securityContext, containers } = api.spec.template.spec;
  const container = /** @type {{ image: string, securityContext: object, resources: object }} */ (
    containers[0]
  );
  const items = [
    {
      ...{ apiVersion: 'apps/v1', kind: 'Deployment', metadata },
      spec: {
        ...{ replicas: 3, selector: { matchLabels: labels } },
        strategy: { rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
        template: {
          metadata: { labels },
          spec: {
            securityContext,
            containers: [
              {
                ...{ name: 'naive', image: container.image, imagePullPolicy: 'Never' },
                ...{ securityContext: container.securityContext, resources: container.resources },
                command: ['node', '--eval', SERVER],
                readinessProbe: { tcpSocket: { port: PORT }, periodSeconds: 1 },
              },
            ],
          },
        },
      },
    },
    {
      ...{ apiVersion: 'v1', kind: 'Service', metadata },
      spec: { selector: labels, ports: [{ port: PORT }] },
    },
  ];
  await kubectl(['apply', '--filename=-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
  await kubectl(['rollout', 'status', ...ROLLOUT, '--timeout=120s']);
  const service = /** @type {{ spec: { clusterIP: string } }} */ (
    parseJson(await kubectl(['get', NAMESPACE, 'service/naive', '--output=json']))
  );
  const crowd = { isOver: false, answers: 0, failures: 0 };
  const clients = Array.from({ length: CLIENTS }, () => client(service.spec.clusterIP, crowd));
  for (let restart = 0; restart < RESTARTS; restart += 1) {
    await kubectl(['rollout', 'restart', ...ROLLOUT]);
    await kubectl(['rollout', 'status', ...ROLLOUT, '--timeout=120s']);
  }
  crowd.isOver = true;
  await Promise.all(clients);
  await kubectl(['delete', NAMESPACE, 'deployment/naive', 'service/naive', '--wait=false']);
  say(
    `  for comparison: a naive server lost ${String(crowd.failures)} of ${String(crowd.failures + crowd.answers)} requests in ${String(RESTARTS)} restarts`,
  );
}

/** @param {string} host @param {{ isOver: boolean, answers: number, failures: number }} crowd */
async function client(host, crowd) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  while (!crowd.isOver) {
    /** @type {boolean} */
    const isAnswered = await new Promise((resolve) => {
      const request = get({ host, port: PORT, agent, timeout: 5_000 }, (answer) => {
        answer.resume().once('end', () => {
          resolve(answer.statusCode === 200);
        });
      });
      request.once('timeout', () => request.destroy());
      request.once('error', () => {
        resolve(false);
      });
    });
    if (isAnswered) crowd.answers += 1;
    else crowd.failures += 1;
  }
  agent.destroy();
}

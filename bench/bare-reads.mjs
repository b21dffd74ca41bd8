// The reference for reads and refusals: Fastify 5 as it comes, sending bodies that it was given. It has
// no helmet, no limits, no metrics and no log; the ratio says what all that costs Caudal.
// BODIES names a JSON file: { "/path": "base64 of the body" }. What is posted to such a path is parsed
// and refused with 409 and the body.
import Fastify from 'fastify';
import { readJsonFile } from '../scripts/services/json-file.mjs';

const bodiesFile = process.env['BODIES'] ?? '';
const bodies = /** @type {Record<string, string>} */ (readJsonFile(bodiesFile));

const app = Fastify({ logger: false });
for (const [path, encoded] of Object.entries(bodies)) {
  const body = Buffer.from(encoded, 'base64');
  app.get(path, (_request, reply) => {
    reply.header('content-type', 'application/json; charset=utf-8');
    return reply.send(body);
  });
  const refusal = body.toString();
  app.post(path, (_request, reply) => {
    reply.status(409).header('content-type', 'application/problem+json; charset=utf-8');
    return reply.send(refusal);
  });
}
app.get('/ready', () => ({ status: 'ok' }));
await app.listen({ host: '127.0.0.1', port: Number(process.env['PORT']) });
process.on('SIGTERM', () => process.exit(0));

// The reference for orders: Fastify 5 and node-postgres, group-committing the same five rows an
// order into copies of the same tables. It has what every correct shop must have (a conditional
// decrement, an idempotency record and an outbox row in the transaction of the order) and nothing
// else: no authentication, limits, validation, encryption, metrics or logs.
import Fastify from 'fastify';
import pg from 'pg';
import { createReferenceCommitter } from './reference-committer.mjs';

const client = new pg.Client({ connectionString: process.env['DATABASE_URL'] });
await client.connect();
const placeOrder = createReferenceCommitter(client);

const app = Fastify({ logger: false });
app.post('/api/v1/orders', async (request, reply) => {
  const { lines } = /** @type {{ lines: { variantId: string, quantity: number }[] }} */ (request.body);
  const [line] = lines;
  if (!line) return reply.code(400).send();
  const body = await placeOrder({
    key: String(request.headers['idempotency-key']),
    variantId: line.variantId,
    quantity: line.quantity,
  });
  if (body === null) return reply.code(409).send({ code: 'ORDER_OUT_OF_STOCK' });
  reply.header('content-type', 'application/json; charset=utf-8');
  return reply.code(201).send(body);
});
app.get('/ready', () => ({ status: 'ok' }));
await app.listen({ host: '127.0.0.1', port: Number(process.env['PORT']) });
process.on('SIGTERM', () => process.exit(0));

import { newId } from '../../src/common/ids.js';
import { ReadConsistency } from '../../src/core/read-consistency/index.js';
import { redisKeys, RedisService } from '../../src/infrastructure/redis/index.js';
import { ApiClient } from '../support/api-client.js';
import { type AppUnderTest, startApp } from '../support/app-harness.js';
import { startTestServices, type TestServices } from '../support/services/index.js';
import { query } from '../support/services/test-database.js';
import { ADDRESS, type Buyer, Shop } from '../support/shop.builder.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { waitFor } from '../support/wait-for.js';
import { Metrics } from '../../src/infrastructure/metrics/index.js';

const ORDERS = '/api/v1/orders';

/** Two applications, of which one has lost Redis, on a replica that does not replay. */
describe('a write that Redis does not know of', () => {
  let services: TestServices;
  let shop: Shop;
  let proxy: TcpProxy;
  let writer: AppUnderTest;
  let reader: AppUnderTest;
  let buyer: Buyer;
  let variantId: string;

  const replay = (state: 'pause' | 'resume') =>
    query(services.replicaSuperuserUrl, [`SELECT pg_wal_replay_${state}()`]);
  const place = () =>
    new ApiClient(writer.url).post(ORDERS, {
      token: buyer.token,
      key: newId(),
      body: { lines: [{ variantId, quantity: 1 }], shippingAddress: ADDRESS },
    });
  const statusOf = async (id: string) =>
    (await new ApiClient(reader.url).get(`${ORDERS}/${id}`, { token: buyer.token })).status;
  const unrecorded = async () => {
    const text = await writer.app.get(Metrics).registry.metrics();
    return Number(/^consistency_unrecorded_writes (\d+)/m.exec(text)?.[1]);
  };

  beforeAll(async () => {
    services = await startTestServices({ dedicatedPostgres: true });
    shop = new Shop(services.databaseUrl);
    proxy = await TcpProxy.start(services.redis.port);
    reader = await startApp({ services });
    writer = await startApp({
      services,
      env: { REDIS_URL: services.redis.url.replace(/:\d+/, `:${String(proxy.port)}`) },
    });
    variantId = await shop.createVariant(100);
    buyer = await shop.createBuyer();
    await services.waitForReplica();
    expect((await place()).status).toBe(201);
  });

  beforeEach(async () => {
    await services.waitForReplica();
    await replay('pause');
    proxy.cut();
  });

  afterEach(async () => {
    proxy.restore();
    await replay('resume');
  });

  afterAll(async () => {
    await Promise.all([writer.close(), reader.close()]);
    proxy.close();
    await shop.close();
    await services.close();
  });

  it('is answered when the replica has it, so that any process shows it', async () => {
    let isReplaying = false;
    const placed = place().then((answer) => ({ ...answer, isReplaying }));
    await waitFor('the answer to be held', async () => (await unrecorded()) > 0);
    isReplaying = true;
    await replay('resume');
    const answer = await placed;
    expect([answer.status, answer.isReplaying]).toEqual([201, true]);
    expect(await statusOf(String(answer.body['id']))).toBe(200);
    expect(await unrecorded()).toBe(0);
  });

  it('is answered although the replica stays behind, and known to all as soon as Redis is there', async () => {
    const answer = await place();
    expect(answer.status).toBe(201);
    expect(await unrecorded()).toBe(1);
    proxy.restore();
    await waitFor('the position to be recorded', async () => (await unrecorded()) === 0);
    expect(await statusOf(String(answer.body['id']))).toBe(200);
    const [behind] = await query(services.replicaSuperuserUrl, [
      `SELECT count(*)::integer AS count FROM orders WHERE id = '${String(answer.body['id'])}'`,
    ]);
    expect(behind).toEqual({ count: 0 });
  });

  it('never lowers what another process has recorded since', async () => {
    proxy.restore();
    const redis = reader.app.get(RedisService).client('main');
    const key = redisKeys.writePosition(buyer.userId);
    // One digit more than any position there is, and beyond what a number of Lua keeps apart.
    const later = '18446744073709551615';
    await redis.set(key, later, 'EX', 60);
    await reader.app.get(ReadConsistency).recordWrite(buyer.userId);
    expect(await redis.get(key)).toBe(later);
    await redis.set(key, '9', 'EX', 60);
    // A server that was started anew has lost the script.
    await redis.script('FLUSH');
    await reader.app.get(ReadConsistency).recordWrite(buyer.userId);
    expect(BigInt((await redis.get(key)) ?? 0)).toBeGreaterThan(9n);
  });
});

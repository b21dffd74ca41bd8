import { Redis } from 'ioredis';
import { newId } from '../../src/common/ids.js';
import { type ApiAnswer, ApiClient } from '../support/api-client.js';
import { testEnvironment } from '../support/app-harness.js';
import { AppProcess } from '../support/app-process.js';
import { startTestServices, type TestServices } from '../support/services/index.js';
import { query } from '../support/services/test-database.js';
import { ADDRESS, type Buyer, Shop } from '../support/shop.builder.js';
import { waitFor } from '../support/wait-for.js';

const ORDERS = '/api/v1/orders';
const PAIRS = 200;
const CONCURRENCY = 8;

/** Two processes on a primary and a replica that has stopped to replay: the longest lag there is. */
describe('what a buyer has written', () => {
  let services: TestServices;
  let shop: Shop;
  let processes: AppProcess[];
  let clients: ApiClient[];

  const replay = (state: 'pause' | 'resume') =>
    query(services.replicaSuperuserUrl, [`SELECT pg_wal_replay_${state}()`]);
  const client = (index: number): ApiClient => {
    const chosen = clients[index % clients.length];
    if (chosen === undefined) throw new Error('there is no process');
    return chosen;
  };
  const place = (api: ApiClient, { token }: Buyer, variantId: string): Promise<ApiAnswer> =>
    api.post(ORDERS, {
      token,
      key: newId(),
      body: { lines: [{ variantId, quantity: 1 }], shippingAddress: ADDRESS },
    });

  /** What a read shows of an order that was just written: nothing is as it should be. */
  async function staleness(api: ApiClient, { token }: Buyer, id: string, status: string): Promise<string[]> {
    const [one, list] = [await api.get(`${ORDERS}/${id}`, { token }), await api.get(ORDERS, { token })];
    const listed = (list.body['items'] as { id: string; status: string }[] | undefined)?.find(
      (order) => order.id === id,
    );
    return [
      ...(one.body['status'] === status
        ? []
        : [`detail: ${String(one.status)} ${String(one.body['status'])}`]),
      ...(listed?.status === status ? [] : [`list: ${String(list.status)} ${String(listed?.status)}`]),
    ];
  }

  /** Buyers place orders on one process and read them on either, several at a time. */
  async function writeAndRead(pairs: number, variantId: string): Promise<string[]> {
    const stale: string[] = [];
    let next = 0;
    await Promise.all(
      (await shop.createBuyers(CONCURRENCY)).map(async (buyer) => {
        for (let index = next++; index < pairs; index = next++) {
          const writer = client(index);
          const reader = client(index + (index >> 1));
          const { status, body } = await place(writer, buyer, variantId);
          if (status !== 201) throw new Error(`an order was answered with ${String(status)}`);
          const id = String(body['id']);
          stale.push(...(await staleness(reader, buyer, id, 'pending_payment')));
          if (index % 4 !== 0) continue;
          const cancelled = await writer.post(`${ORDERS}/${id}/cancel`, { token: buyer.token });
          expect(cancelled.status).toBe(200);
          stale.push(...(await staleness(reader, buyer, id, 'cancelled')));
        }
      }),
    );
    return stale;
  }

  async function readsOnReplica(): Promise<number> {
    const texts = await Promise.all(
      processes.map(async ({ managementUrl }) => (await fetch(`${managementUrl}/metrics`)).text()),
    );
    return texts.reduce(
      (sum, text) => sum + Number(/^database_reads_total\{node="replica"\} (\d+)/m.exec(text)?.[1] ?? 0),
      0,
    );
  }

  beforeAll(async () => {
    // Of its own: a shared replica that does not replay would hold up every other file.
    services = await startTestServices({ dedicatedPostgres: true });
    shop = new Shop(services.databaseUrl);
    const environment = testEnvironment(services);
    processes = await Promise.all([AppProcess.start(environment), AppProcess.start(environment)]);
    clients = processes.map(({ url }) => new ApiClient(url));
  });

  afterAll(async () => {
    await replay('resume');
    await Promise.all(processes.map((each) => each.stop()));
    await shop.close();
    await services.close();
  });

  it('is what the buyer reads next, in any process, while the replica lags behind it', async () => {
    const variantId = await shop.createVariant(10_000);
    await services.waitForReplica();
    await replay('pause');
    expect(await writeAndRead(PAIRS, variantId)).toEqual([]);
    const [behind] = await query(services.replicaSuperuserUrl, [
      'SELECT count(*)::integer AS count FROM orders',
    ]);
    expect(behind).toEqual({ count: 0 });
  });

  it('does not send the reads of others to the primary, and the replica serves everybody once it has caught up', async () => {
    const [reader] = await shop.createBuyers(1);
    if (reader === undefined) throw new Error('there is no buyer');
    const before = await readsOnReplica();
    expect((await client(0).get(ORDERS, { token: reader.token })).body['items']).toEqual([]);
    expect(await readsOnReplica()).toBeGreaterThan(before);

    await replay('resume');
    const variantId = await shop.createVariant(10);
    await services.waitForReplica();
    const { body } = await place(client(0), reader, variantId);
    await waitFor('the reads of a writer on the replica', async () => {
      const onReplica = await readsOnReplica();
      expect(await staleness(client(1), reader, String(body['id']), 'pending_payment')).toEqual([]);
      return (await readsOnReplica()) > onReplica;
    });
  });

  it('is read by whoever sends its position back, also when Redis has lost it', async () => {
    const [buyer] = await shop.createBuyers(1);
    if (buyer === undefined) throw new Error('there is no buyer');
    const variantId = await shop.createVariant(10);
    await services.waitForReplica();
    await replay('pause');
    try {
      const placed = await place(client(0), buyer, variantId);
      const path = `${ORDERS}/${String(placed.body['id'])}`;
      const consistency = placed.headers.get('caudal-consistency') ?? '';
      const redis = new Redis(services.redis.url);
      await redis.flushall();
      await redis.quit();
      const read = async (headers: Record<string, string>) =>
        (await client(1).request('GET', path, { token: buyer.token, headers })).status;
      // Nobody knows of the write any more, and the replica lacks it: what the token is for.
      expect(await read({})).toBe(404);
      expect(await read({ 'caudal-consistency': `${consistency.slice(0, -2)}AA` })).toBe(404);
      expect(await read({ 'caudal-consistency': consistency })).toBe(200);
    } finally {
      await replay('resume');
    }
  });

  it('is read on a replica without Redis by whoever sends its position back', async () => {
    const [buyer] = await shop.createBuyers(1);
    if (buyer === undefined) throw new Error('there is no buyer');
    const variantId = await shop.createVariant(10);
    const placed = await place(client(0), buyer, variantId);
    await services.waitForReplica();
    services.redis.kill('SIGSTOP');
    try {
      const onReplica = await readsOnReplica();
      const shown = await client(1).request('GET', `${ORDERS}/${String(placed.body['id'])}`, {
        token: buyer.token,
        headers: { 'caudal-consistency': placed.headers.get('caudal-consistency') ?? '' },
      });
      expect(shown.status).toBe(200);
      expect(await readsOnReplica()).toBeGreaterThan(onReplica);
    } finally {
      services.redis.kill('SIGCONT');
    }
  });

  it('is also read when Redis cannot tell the processes of each other', async () => {
    const variantId = await shop.createVariant(10_000);
    await services.waitForReplica();
    await replay('pause');
    services.redis.kill();
    await services.redis.waitForExit();
    expect(await writeAndRead(PAIRS / 4, variantId)).toEqual([]);
  });
});

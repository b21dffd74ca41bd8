import { Redis } from 'ioredis';
import { AppProcess } from '../support/app-process.js';
import { testEnvironment } from '../support/app-harness.js';
import { ApiClient } from '../support/api-client.js';
import { type OpenApiDocument, routesOf } from '../support/api-routes.js';
import { startTestServices, type TestServices } from '../support/services/index.js';
import { query } from '../support/services/test-database.js';
import {
  expectProblem,
  newEmail,
  PASSWORD,
  SignInClient,
  waitForSessionStore,
} from '../support/sign-in-client.js';
import { waitFor } from '../support/wait-for.js';

const PROCESSES = 4;
const LOG_INS = 200;
const LIMIT = 7;
const POLL_MS = 1000;
/** The pause between two looks, the deadline of a command, and what a busy machine takes. */
const STATED_DELAY_MS = POLL_MS + 1000 + 1000;
const UNKNOWN_ID = '0199f3a0-0000-7000-8000-00000000dead';

describe('sessions on four processes', () => {
  let services: TestServices;
  let fleet: AppProcess[];
  let redis: Redis;

  const clientOf = (index: number) => new SignInClient(fleet[index % PROCESSES]!.url);
  const tokenOf = (answer: { body: Record<string, unknown> }) => String(answer.body['accessToken']);

  beforeAll(async () => {
    services = await startTestServices();
    const environment = testEnvironment(services, {
      SESSIONS_PER_USER_MAX: String(LIMIT),
      SESSION_REVOCATION_POLL_MS: String(POLL_MS),
      PASSWORD_HASH_QUEUE_MAX: '1000',
      // Two cores share the processes, the hashing and the database: everybody waits their turn.
      DATABASE_ACQUIRE_TIMEOUT_MS: '30000',
      DATABASE_STATEMENT_TIMEOUT_MS: '30000',
      REQUEST_DEADLINE_MS: '60000',
      FEATURE_LOAD_SHEDDING: 'false',
    });
    fleet = [];
    for (let i = 0; i < PROCESSES; i += 1) fleet.push(await AppProcess.start(environment));
    for (const { url } of fleet) await waitForSessionStore(url);
    redis = new Redis(services.redis.url);
    redis.on('error', () => undefined);
  }, 120_000);

  afterAll(async () => {
    redis.disconnect();
    await Promise.all(fleet.map((each) => each.stop()));
    await services.close();
  });

  it(`keep the limit exactly under ${String(LOG_INS)} parallel log-ins of one person`, async () => {
    const email = newEmail();
    await clientOf(0).register(email);
    const clients = Array.from({ length: LOG_INS }, (_, index) => clientOf(index));
    const answers = await Promise.all(clients.map((client) => client.logIn(email)));
    expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
    // Ends of evicted sessions are pushed to every process; whoever is left is the same everywhere.
    const alive = async (): Promise<number> => {
      const states = await Promise.all(answers.map((answer, i) => clientOf(i + 1).me(tokenOf(answer))));
      return states.filter(({ status }) => status === 200).length;
    };
    await waitFor('the evicted to be known', async () => (await alive()) <= LIMIT, STATED_DELAY_MS + 5000);
    expect(await alive()).toBe(LIMIT);
    const survivor =
      answers[
        (await Promise.all(answers.map((a) => clientOf(0).me(tokenOf(a))))).findIndex((a) => a.status === 200)
      ]!;
    const listed = await clientOf(2).get('/api/v1/me/sessions', { token: tokenOf(survivor) });
    expect(listed.body['items']).toHaveLength(LIMIT);
    const refreshed = await Promise.all(clients.map((client) => client.refresh()));
    expect(refreshed.filter(({ status }) => status === 200)).toHaveLength(LIMIT);
  }, 60_000);

  it('end on all of them within the stated delay, also when the pushes are cut off', async () => {
    const email = newEmail();
    const phone = clientOf(0);
    const signedIn = await phone.register(email);
    for (let i = 0; i < PROCESSES; i += 1)
      expect((await clientOf(i).me(signedIn.accessToken)).status).toBe(200);
    const startMs = performance.now();
    expect((await phone.logOut()).status).toBe(204);
    // The process that ended it knows at once.
    expectProblem(await phone.me(signedIn.accessToken), 401, 'ACCESS_TOKEN_INVALID');
    const everywhere = async (token: string): Promise<boolean> => {
      const answers = await Promise.all(fleet.map((_, i) => clientOf(i).me(token)));
      return answers.every(({ status }) => status === 401);
    };
    await waitFor('every process', () => everywhere(signedIn.accessToken), STATED_DELAY_MS);
    expect(performance.now() - startMs).toBeLessThan(STATED_DELAY_MS);

    const again = tokenOf(await phone.logIn(email));
    for (let i = 0; i < PROCESSES; i += 1) expect((await clientOf(i).me(again)).status).toBe(200);
    await redis.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    const ended = await phone.request('DELETE', '/api/v1/me/sessions', { token: again });
    expect(ended.body).toEqual({ ended: 1 });
    await waitFor('every process', () => everywhere(again), STATED_DELAY_MS);
  }, 30_000);

  it('are counted alike by each', async () => {
    await redis.flushall();
    await Promise.all(Array.from({ length: 3 }, (_, i) => clientOf(i).register()));
    for (const each of fleet)
      await waitFor(
        'the count of users',
        async () => (await each.metric('active_users_count')) === 3,
        15_000,
      );
  }, 60_000);

  it('when their store is lost: access tokens work, and whatever must know the session alive says so', async () => {
    const admin = clientOf(0);
    const { user } = await admin.register(newEmail());
    await query(services.databaseUrl, [`UPDATE users SET role = 'superadmin' WHERE id = '${user.id}'`]);
    await services.waitForReplica();
    const token = tokenOf(await admin.logIn(user.email, PASSWORD));
    const api = new ApiClient(fleet[1]!.url);
    const document = (await api.get('/api/v1/openapi.json')).body as unknown as OpenApiDocument;
    const privileged = routesOf(document).filter(
      ({ method, isForAdministrators }) => isForAdministrators && method !== 'GET',
    );
    expect(privileged.length).toBeGreaterThanOrEqual(8);
    expect((await api.get('/api/v1/me', { token })).status).toBe(200);

    services.redis.kill('SIGSTOP');
    try {
      expect((await api.get('/api/v1/me', { token })).status).toBe(200);
      const demanding = [
        ...privileged.map(({ method, path }) => [method, path] as const),
        ['GET', '/api/v1/me/sessions'] as const,
        ['DELETE', '/api/v1/me/sessions'] as const,
        ['DELETE', '/api/v1/me/sessions/{id}'] as const,
      ];
      const refused = await Promise.all(
        demanding.map(async ([method, path]) => {
          const answer = await api.request(method, path.replace(/\{\w+\}/, UNKNOWN_ID), {
            token,
            ...(method === 'DELETE' || method === 'GET' ? {} : { body: {} }),
          });
          return [
            method,
            path,
            answer.status,
            String(answer.body['code']),
            Number(answer.headers.get('retry-after')) > 0,
          ];
        }),
      );
      expect(refused).toEqual(
        demanding.map(([method, path]) => [method, path, 503, 'SESSION_STORE_UNAVAILABLE', true]),
      );
    } finally {
      services.redis.kill('SIGCONT');
    }
    await waitFor(
      'the store',
      async () => (await admin.get('/api/v1/me/sessions', { token })).status === 200,
    );
  }, 60_000);
});

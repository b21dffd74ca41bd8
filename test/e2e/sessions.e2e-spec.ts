import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { type AppUnderTest, startApp } from '../support/app-harness.js';
import { startTestServices, type TestServices } from '../support/services/index.js';
import { Shop } from '../support/shop.builder.js';
import {
  expectProblem,
  newEmail,
  PASSWORD,
  SignInClient,
  waitForSessionStore,
} from '../support/sign-in-client.js';
import { waitFor } from '../support/wait-for.js';

const SESSIONS = '/api/v1/me/sessions';
const CHROME = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0';

interface Session {
  readonly id: string;
  readonly createdAt: string;
  readonly lastSeenAt: string;
  readonly expiresAt: string;
  readonly userAgent: string;
  readonly ipNetwork: string;
  readonly current: boolean;
}

describe('the sessions of an account', () => {
  let services: TestServices;
  let app: AppUnderTest;
  let shop: Shop;
  let email: string;
  /** Two devices of one person. */
  let phone: SignInClient;
  let laptop: SignInClient;
  let onPhone: string;
  let onLaptop: string;

  const sessionsOf = async (client: SignInClient, token: string): Promise<Session[]> => {
    const answer = await client.get(SESSIONS, { token });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    return answer.body['items'] as Session[];
  };
  const expectEnded = async (client: SignInClient, token: string): Promise<void> => {
    expectProblem(await client.me(token), 401, 'ACCESS_TOKEN_INVALID');
    expectProblem(await client.refresh(), 401, 'REFRESH_TOKEN_INVALID');
  };

  beforeAll(async () => {
    services = await startTestServices();
    app = await startApp({ services });
    shop = new Shop(services.databaseUrl);
    await waitForSessionStore(app.url);
  });

  beforeEach(async () => {
    email = newEmail();
    [phone, laptop] = [new SignInClient(app.url), new SignInClient(app.url)];
    onPhone = (await phone.register(email)).accessToken;
    const body = { email, password: PASSWORD };
    const answer = await laptop.post('/api/v1/auth/login', { body, headers: { 'user-agent': CHROME } });
    onLaptop = String(answer.body['accessToken']);
  });

  afterAll(async () => {
    await shop.close();
    await app.close();
    await services.close();
  });

  it('are listed with their devices, the one of the request marked', async () => {
    const listed = await sessionsOf(laptop, onLaptop);
    expect(listed).toHaveLength(2);
    const [mine, other] = [listed.find(({ current }) => current)!, listed.find(({ current }) => !current)!];
    expect(mine.userAgent).toBe('Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like');
    expect(other.userAgent).toBe('node');
    expect(mine.ipNetwork).toBe('127.0.0.0/24');
    expect(Date.parse(mine.lastSeenAt)).toBeGreaterThanOrEqual(Date.parse(mine.createdAt));
    expect(Date.parse(mine.expiresAt) - Date.parse(mine.lastSeenAt)).toBe(604_800_000);
    expect((await sessionsOf(phone, onPhone)).find(({ current }) => current)?.id).toBe(other.id);
  });

  it('end one by one, at once and with all their tokens', async () => {
    const other = (await sessionsOf(laptop, onLaptop)).find(({ current }) => !current)!;
    const ended = await laptop.request('DELETE', `${SESSIONS}/${other.id}`, { token: onLaptop });
    expect([ended.status, ended.text]).toEqual([204, '']);
    await expectEnded(phone, onPhone);
    expect(await sessionsOf(laptop, onLaptop)).toHaveLength(1);
    expectProblem(
      await laptop.request('DELETE', `${SESSIONS}/${other.id}`, { token: onLaptop }),
      404,
      'SESSION_NOT_FOUND',
    );
  });

  it('end all together, the one of the request included, and a new log-in works', async () => {
    const answer = await laptop.request('DELETE', SESSIONS, { token: onLaptop });
    expect([answer.status, answer.body]).toEqual([200, { ended: 2 }]);
    await expectEnded(phone, onPhone);
    await expectEnded(laptop, onLaptop);
    const again = await laptop.logIn(email);
    expect(again.status).toBe(200);
    expect((await laptop.me(String(again.body['accessToken']))).status).toBe(200);
  });

  it('end with the log-out, their access tokens as well', async () => {
    expect((await phone.logOut()).status).toBe(204);
    await expectEnded(phone, onPhone);
    expect((await laptop.me(onLaptop)).status).toBe(200);
  });

  it('end with a reuse of a refresh token, their access tokens as well', async () => {
    const stolen = phone.cookie;
    const refreshed = await phone.refresh();
    const thief = new SignInClient(app.url);
    thief.cookie = stolen;
    expectProblem(await thief.refresh(), 401, 'REFRESH_TOKEN_INVALID');
    for (const token of [onPhone, String(refreshed.body['accessToken'])])
      await waitFor('the end to be known', async () => (await phone.me(token)).status === 401, 3000);
  });

  it.each(['', 'x', randomUUID(), '0'.repeat(22), '__proto__', 'subject', 'epoch', '%00', 'a'.repeat(300)])(
    'are not ended by the id %p',
    async (id) => {
      const answer = await laptop.request('DELETE', `${SESSIONS}/${id || '%20'}`, { token: onLaptop });
      expect(answer.status).toBeGreaterThanOrEqual(400);
      expect(answer.status).toBeLessThan(500);
      expect(await sessionsOf(laptop, onLaptop)).toHaveLength(2);
    },
  );

  it("are nobody else's to see or to end", async () => {
    const stranger = new SignInClient(app.url);
    const { accessToken } = await stranger.register();
    const mine = (await sessionsOf(laptop, onLaptop)).map(({ id }) => id);
    for (const id of mine)
      expectProblem(
        await stranger.request('DELETE', `${SESSIONS}/${id}`, { token: accessToken }),
        404,
        'SESSION_NOT_FOUND',
      );
    const theirs = (await sessionsOf(stranger, accessToken)).map(({ id }) => id);
    expect(theirs.some((id) => mine.includes(id))).toBe(false);
    expect((await phone.me(onPhone)).status).toBe(200);
    for (const method of ['GET', 'DELETE'])
      expectProblem(await stranger.request(method, SESSIONS), 401, 'AUTHENTICATION_REQUIRED');
  });

  it('are ended by an administrator, for one user', async () => {
    const [{ userId }, admin] = [await shop.createBuyer(), await shop.createBuyer('admin')];
    const me = String((await laptop.me(onLaptop)).body['id']);
    const path = (user: string) => `/api/v1/admin/users/${user}/sessions`;
    expectProblem(await laptop.request('DELETE', path(me), { token: onLaptop }), 403, 'PERMISSION_DENIED');
    expectProblem(await laptop.request('DELETE', path(me)), 401, 'AUTHENTICATION_REQUIRED');
    for (const user of ['nonsense', randomUUID()])
      expectProblem(
        await laptop.request('DELETE', path(user), { token: admin.token }),
        404,
        'USER_NOT_FOUND',
      );
    const answer = await laptop.request('DELETE', path(me.toUpperCase()), { token: admin.token });
    expect([answer.status, answer.body]).toEqual([200, { ended: 2 }]);
    await expectEnded(laptop, onLaptop);
    await expectEnded(phone, onPhone);
    expect((await laptop.request('DELETE', path(userId), { token: admin.token })).body).toEqual({ ended: 0 });
  });

  it('refuse a privileged action at once, when another process has ended them and this one does not know', async () => {
    const { id } = (await laptop.me(onLaptop)).body as { id: string };
    await shop.rows(`UPDATE users SET role = 'superadmin' WHERE id = $1`, [id]);
    await services.waitForReplica();
    const refreshed = String((await laptop.refresh()).body['accessToken']);
    const category = { slug: `c-${randomUUID()}`, name: 'Shoes' };
    const create = () => laptop.post('/api/v1/admin/categories', { token: refreshed, body: category });
    expect((await create()).status).toBe(201);
    // Behind everybody's back: no process is told.
    const redis = new Redis(services.redis.url);
    await redis.flushall();
    redis.disconnect();
    expect((await laptop.me(refreshed)).status).toBe(200);
    expectProblem(await create(), 401, 'ACCESS_TOKEN_INVALID');
  });
});

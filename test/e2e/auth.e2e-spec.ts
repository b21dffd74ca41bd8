import jwt from 'jsonwebtoken';
import { Metrics } from '../../src/infrastructure/metrics/index.js';
import { AuthService } from '../../src/modules/auth/index.js';
import { type AppUnderTest, startApp } from '../support/app-harness.js';
import { startTestServices, type TestServices } from '../support/services/index.js';
import { query } from '../support/services/test-database.js';
import {
  expectProblem,
  newEmail,
  PASSWORD,
  REFRESH_COOKIE,
  SignInClient,
  type SignedIn,
  waitForSessionStore,
} from '../support/sign-in-client.js';

describe('authentication', () => {
  let services: TestServices;
  let app: AppUnderTest;
  let client: SignInClient;

  beforeAll(async () => {
    services = await startTestServices();
    app = await startApp({
      services,
      env: { PUBLIC_ORIGINS: 'https://shop.example' },
    });
    await waitForSessionStore(app.url);
  });

  beforeEach(() => {
    client = new SignInClient(app.url);
  });

  afterAll(async () => {
    await app.close();
    await services.close();
  });

  const metric = async (line: string): Promise<number> => {
    const text = await app.app.get(Metrics).registry.metrics();
    const found = text.split('\n').find((each) => each.startsWith(`${line} `));
    return found === undefined ? 0 : Number(found.slice(line.length + 1));
  };

  describe('registration and log-in', () => {
    it('opens an account, signs in and knows who it is', async () => {
      const email = newEmail();
      const answer = await client.tryToRegister({ email });
      expect(answer.status).toBe(201);
      expect(answer.headers.get('cache-control')).toBe('no-store');
      const signedIn = answer.body as SignedIn;
      expect(signedIn).toEqual({
        accessToken: expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/) as string,
        tokenType: 'Bearer',
        expiresIn: 900,
        user: { id: signedIn.user.id, email, name: 'Ada Lovelace', role: 'customer' },
      });

      const me = await client.me(signedIn.accessToken);
      expect(me.status).toBe(200);
      expect(me.body).toEqual(signedIn.user);

      const again = await client.logIn(email);
      expect(again.status).toBe(200);
      expect(again.body['user']).toEqual(signedIn.user);
    });

    it('gives the refresh token to nothing but a hardened cookie', async () => {
      const answer = await client.tryToRegister();
      const [cookie, ...others] = answer.headers.getSetCookie();
      expect(others).toEqual([]);
      const [pair, ...attributes] = String(cookie).split('; ');
      expect(pair).toMatch(/^__Host-caudal_refresh=[\w-]{76}$/);
      expect(attributes.sort()).toEqual([
        expect.stringMatching(/^HttpOnly$/),
        expect.stringMatching(/^Max-Age=604(800|799)$/),
        'Path=/',
        'SameSite=Strict',
        'Secure',
      ]);
      expect(JSON.stringify(answer.body)).not.toContain(client.cookie);
    });

    it('finds an account whatever the case of its address, and refuses a second one', async () => {
      const email = newEmail();
      await client.register(email.toUpperCase());
      expect((await client.logIn(email)).body).toMatchObject({ user: { email } });
      expectProblem(await client.tryToRegister({ email }), 409, 'EMAIL_TAKEN');
    });

    it('lets one of ten parallel registrations of an address succeed', async () => {
      const email = newEmail();
      const answers = await Promise.all(
        Array.from({ length: 10 }, () => new SignInClient(app.url).tryToRegister({ email })),
      );
      expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array<number>(9).fill(409)]);
    });

    it('answers a wrong password and an unknown address alike', async () => {
      const email = newEmail();
      await client.register(email);
      const wrong = await client.logIn(email, 'another password');
      const unknown = await client.logIn(newEmail());
      for (const answer of [wrong, unknown]) {
        expectProblem(answer, 401, 'CREDENTIALS_INVALID');
        expect(answer.headers.getSetCookie()).toEqual([]);
      }
      const ids = { requestId: '', traceId: '' };
      expect({ ...wrong.body, ...ids }).toEqual({ ...unknown.body, ...ids });
    });

    it('spends as much time on an unknown address as on a wrong password', async () => {
      const email = newEmail();
      await client.register(email);
      const timeOf = async (address: string): Promise<number> => {
        const start = performance.now();
        await client.logIn(address, 'another password');
        return performance.now() - start;
      };
      const wrong: number[] = [];
      const unknown: number[] = [];
      for (let i = 0; i < 9; i += 1) {
        wrong.push(await timeOf(email));
        unknown.push(await timeOf(newEmail()));
      }
      const median = (times: number[]) => times.sort((a, b) => a - b)[4]!;
      // Without the decoy an unknown address is answered in a tenth of the time.
      expect(median(unknown) / median(wrong)).toBeGreaterThan(0.5);
      expect(median(unknown) / median(wrong)).toBeLessThan(2);
    });

    it('takes a password however its characters are composed, and one of the longest kind', async () => {
      const email = newEmail();
      await client.tryToRegister({ email, password: 'Café ﬁnance' });
      expect((await client.logIn(email, 'Cafe\u0301 finance')).status).toBe(200);

      const long = newEmail();
      const password = '\u{1F6D2}'.repeat(64);
      await client.tryToRegister({ email: long, password });
      expect((await client.logIn(long, password)).status).toBe(200);
      expectProblem(
        await client.logIn(long, `${password.slice(0, -2)}\u{1F6D1}`),
        401,
        'CREDENTIALS_INVALID',
      );
    });

    it('counts log-ins by their result', async () => {
      const accepted = await metric('auth_logins_total{result="accepted"}');
      const refused = await metric('auth_logins_total{result="refused"}');
      const email = newEmail();
      await client.register(email);
      await client.logIn(email);
      await client.logIn(email, 'another password');
      expect(await metric('auth_logins_total{result="accepted"}')).toBe(accepted + 1);
      expect(await metric('auth_logins_total{result="refused"}')).toBe(refused + 1);
    });
  });

  describe('refresh and log-out', () => {
    it('exchanges the cookie at each use and keeps the session', async () => {
      const { accessToken, user } = await client.register();
      const first = client.cookie;
      const answer = await client.refresh();
      expect(answer.status).toBe(200);
      expect(answer.body).toMatchObject({ tokenType: 'Bearer', expiresIn: 900, user });
      expect(client.cookie).toMatch(/^[\w-]{76}$/);
      expect(client.cookie).not.toBe(first);
      const sid = (token: unknown) => (jwt.decode(String(token)) as { sid: string }).sid;
      expect(sid(answer.body['accessToken'])).toBe(sid(accessToken));
      expect((await client.me(String(answer.body['accessToken']))).status).toBe(200);
    });

    it('ends the session when a former cookie comes again', async () => {
      await client.register();
      const former = client.cookie;
      await client.refresh();
      const thief = new SignInClient(app.url);
      thief.cookie = former;
      const refused = await thief.refresh();
      expectProblem(refused, 401, 'REFRESH_TOKEN_INVALID');
      expect(refused.headers.getSetCookie()[0]).toContain(`${REFRESH_COOKIE}=; Max-Age=0`);
      expectProblem(await client.refresh(), 401, 'REFRESH_TOKEN_INVALID');
    });

    it('lets one of eight parallel refreshes win, and nobody afterwards', async () => {
      await client.register();
      const racers = Array.from({ length: 8 }, () => {
        const racer = new SignInClient(app.url);
        racer.cookie = client.cookie;
        return racer;
      });
      const answers = await Promise.all(racers.map((racer) => racer.refresh()));
      expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array<number>(7).fill(401)]);
      const winner = racers[answers.findIndex(({ status }) => status === 200)]!;
      expectProblem(await winner.refresh(), 401, 'REFRESH_TOKEN_INVALID');
    });

    it('ends the session at log-out, for good, and other sessions of the person stay', async () => {
      const email = newEmail();
      await client.register(email);
      const other = new SignInClient(app.url);
      await other.logIn(email);
      const held = client.cookie;

      const answer = await client.logOut();
      expect(answer.status).toBe(204);
      expect(client.cookie).toBe('');
      client.cookie = held;
      expectProblem(await client.refresh(), 401, 'REFRESH_TOKEN_INVALID');
      expect((await other.refresh()).status).toBe(200);
    });

    it('logs out whoever is not logged in', async () => {
      expect((await client.logOut()).status).toBe(204);
      client.cookie = 'garbage';
      expect((await client.logOut()).status).toBe(204);
    });

    it.each([
      ['that is empty', ''],
      ['of the right length', 'A'.repeat(76)],
      ['that is far too long', 'A'.repeat(4000)],
      ['that is cut off in a character', '%F0%9F'],
      ['that is a path', '..%2f'],
      ['in quotes', '"quoted"'],
    ])('refuses a cookie %s', async (_, cookie) => {
      client.cookie = cookie;
      expectProblem(await client.refresh(), 401, 'REFRESH_TOKEN_INVALID');
    });

    it('does not refresh for an access token, nor admit a refresh token as one', async () => {
      const { accessToken } = await client.register();
      const refreshToken = client.cookie;
      client.cookie = accessToken;
      expectProblem(await client.refresh(), 401, 'REFRESH_TOKEN_INVALID');
      expectProblem(await client.me(refreshToken), 401, 'ACCESS_TOKEN_INVALID');
    });
  });

  describe('the Origin of routes that act on the cookie', () => {
    it.each(['https://evil.example', 'null', 'http://shop.example'])('refuses %s', async (origin) => {
      await client.register();
      for (const path of ['refresh', 'logout', 'login', 'register']) {
        const answer = await client.post(`/api/v1/auth/${path}`, {
          headers: { origin },
          ...(path === 'login' || path === 'register' ? { body: {} } : {}),
        });
        expectProblem(answer, 403, 'ORIGIN_NOT_ALLOWED');
      }
      expect((await client.refresh()).status).toBe(200);
    });

    it('admits a configured origin, its own and none', async () => {
      await client.register();
      expect((await client.refresh({ origin: 'https://shop.example' })).status).toBe(200);
      expect((await client.refresh({ origin: app.url })).status).toBe(200);
      expect((await client.refresh()).status).toBe(200);
    });
  });

  describe('bad input', () => {
    const valid = { email: 'someone@example.com', password: PASSWORD, name: 'Someone' };

    it.each([
      ['nothing', {}, ['/email', '/name', '/password']],
      ['no e-mail address', { ...valid, email: 'no address' }, ['/email']],
      ['an e-mail address of another type', { ...valid, email: ['a@example.com'] }, ['/email']],
      [
        'an e-mail address that is too long',
        { ...valid, email: `${'a'.repeat(64)}@${'b.'.repeat(95)}example.com` },
        ['/email'],
      ],
      ['a short password', { ...valid, password: '1234567' }, ['/password']],
      ['a long password', { ...valid, password: 'p'.repeat(129) }, ['/password']],
      ['a password of another type', { ...valid, password: { $ne: null } }, ['/password']],
      ['an empty name', { ...valid, name: '' }, ['/name']],
      ['a blank name', { ...valid, name: ' \t ' }, ['/name']],
      ['a name of two lines', { ...valid, name: 'Ada\nLovelace' }, ['/name']],
      ['a name with a line separator', { ...valid, name: 'Ada\u2028Lovelace' }, ['/name']],
      ['a long name', { ...valid, name: 'n'.repeat(101) }, ['/name']],
      ['a role', { ...valid, role: 'superadmin' }, ['/role']],
    ])('is refused by register: %s', async (_, body, pointers) => {
      const answer = await client.post('/api/v1/auth/register', { body });
      expectProblem(answer, 400, 'VALIDATION_FAILED');
      const errors = answer.body['errors'] as { pointer: string }[];
      expect(errors.map(({ pointer }) => pointer).sort()).toEqual(pointers);
    });

    it.each([
      ['nothing', {}],
      ['an unknown field', { email: valid.email, password: PASSWORD, otp: '1' }],
      ['numbers', { email: 1, password: 2 }],
      ['a huge password', { email: valid.email, password: 'p'.repeat(60_000) }],
      ['nulls', { email: null, password: null }],
      ['an array', []],
      ['a list of accounts', [valid]],
      ['a string', '"text"'],
      ['a number', '1'],
      ['null', 'null'],
      ['an empty body', ''],
    ])('is refused by login: %s', async (_, body) => {
      expectProblem(await client.post('/api/v1/auth/login', { body }), 400, 'VALIDATION_FAILED');
    });

    it.each([
      ['JSON that ends early', '{"email":'],
      ['a polluted prototype', '{"__proto__":{"role":"admin"}}'],
      ['a NUL', '{"email":"a\\u0000@example.com","password":"xxxxxxxx"}'],
    ])('is refused as malformed: %s', async (_, body) => {
      for (const path of ['register', 'login', 'refresh', 'logout']) {
        expectProblem(await client.post(`/api/v1/auth/${path}`, { body }), 400, 'REQUEST_MALFORMED');
      }
    });

    it('is refused when it is too large or of another media type', async () => {
      const body = JSON.stringify({ ...valid, name: 'n'.repeat(70_000) });
      expectProblem(await client.post('/api/v1/auth/register', { body }), 413, 'PAYLOAD_TOO_LARGE');
      const headers = { 'content-type': 'application/x-www-form-urlencoded' };
      expectProblem(
        await client.post('/api/v1/auth/login', { body: 'email=a&password=b', headers }),
        415,
        'MEDIA_TYPE_UNSUPPORTED',
      );
    });
  });

  it('creates the administrator once, and never from an account that somebody registered', async () => {
    const auth = app.app.get(AuthService);
    const email = newEmail();
    const account = { email, password: PASSWORD, name: 'Admin' };
    const results = await Promise.all([auth.ensureAdmin(account), auth.ensureAdmin(account)]);
    expect(results.map(({ kind }) => kind).sort()).toEqual(['created', 'present']);
    expect(await auth.ensureAdmin({ ...account, password: 'another password' })).toMatchObject({
      kind: 'present',
      user: { email, role: 'superadmin' },
    });
    expect((await client.logIn(email)).body).toMatchObject({ user: { role: 'superadmin' } });

    const customer = await client.register();
    expect(await auth.ensureAdmin({ ...account, email: customer.user.email })).toEqual({
      kind: 'email_taken',
    });
    expect((await client.me(customer.accessToken)).body).toMatchObject({ role: 'customer' });
  });

  it('keeps neither address, name nor password readable at rest', async () => {
    const email = newEmail();
    await client.register(email);
    const rows = await query(services.databaseUrl, [
      `SELECT string_agg(users::text, E'\\n') || string_agg(encode(email_ciphertext, 'escape') || encode(name_ciphertext, 'escape'), '') AS text FROM users`,
    ]);
    const text = String(rows[0]?.['text']);
    expect(text).toContain('$argon2id$v=19$m=19456,t=2,p=1$');
    for (const secret of [email, 'Lovelace', PASSWORD]) {
      expect(text).not.toContain(secret);
      expect(text).not.toContain(Buffer.from(secret).toString('hex'));
    }
  });
});

import { constants, createHmac, createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import jwt from 'jsonwebtoken';
import { createAccessTokenSigner } from '../../scripts/load/access-token-signer.mjs';
import { Metrics } from '../../src/infrastructure/metrics/index.js';
import { type AppUnderTest, startApp } from '../support/app-harness.js';
import { startTestServices, type TestServices } from '../support/services/index.js';
import { expectProblem, SignInClient, waitForSessionStore } from '../support/sign-in-client.js';

const { privateKey: PRIVATE_KEY_PEM } = generateKeyPairSync('rsa', {
  modulusLength: 2048,
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  publicKeyEncoding: { type: 'spki', format: 'pem' },
});

describe('access tokens', () => {
  const metric = async (line: string): Promise<number> => {
    const text = await app.app.get(Metrics).registry.metrics();
    const found = text.split('\n').find((each) => each.startsWith(`${line} `));
    return found === undefined ? 0 : Number(found.slice(line.length + 1));
  };

  let services: TestServices;
  let app: AppUnderTest;
  let client: SignInClient;
  let userId: string;

  beforeAll(async () => {
    services = await startTestServices();
    app = await startApp({ services, env: { JWT_PRIVATE_KEY: PRIVATE_KEY_PEM } });
    await waitForSessionStore(app.url);
    userId = (await new SignInClient(app.url).register()).user.id;
  });

  beforeEach(() => {
    client = new SignInClient(app.url);
  });

  afterAll(async () => {
    await app.close();
    await services.close();
  });

  const claims = (overrides: object = {}) => {
    const now = Math.floor(Date.now() / 1000);
    return {
      iss: 'caudal',
      aud: 'caudal-api',
      sub: userId,
      role: 'customer',
      sid: 'session',
      jti: 'token',
      iat: now,
      exp: now + 900,
      ...overrides,
    };
  };
  const publicPem = createPublicKey(PRIVATE_KEY_PEM).export({ type: 'spki', format: 'pem' }).toString();
  const keyId = async (): Promise<string> => {
    const { body } = await client.get('/.well-known/jwks.json');
    return (body['keys'] as { kid: string }[])[0]!.kid;
  };
  const segment = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

  it('publishes the key that verifies them', async () => {
    const { accessToken, user } = await client.register();
    const answer = await client.get('/.well-known/jwks.json');
    expect(answer.status).toBe(200);
    expect(answer.headers.get('cache-control')).toBe('public, max-age=300');
    const [jwk, ...others] = answer.body['keys'] as Record<string, string>[];
    expect(others).toEqual([]);
    expect(Object.keys(jwk!).sort()).toEqual(['alg', 'e', 'kid', 'kty', 'n', 'use']);

    const decoded = jwt.verify(accessToken, createPublicKey({ key: jwk!, format: 'jwk' }), {
      algorithms: ['RS256'],
      issuer: 'caudal',
      audience: 'caudal-api',
      complete: true,
    });
    expect(decoded.header).toEqual({ alg: 'RS256', typ: 'JWT', kid: jwk!['kid'] });
    const payload = decoded.payload as jwt.JwtPayload;
    expect(Object.keys(payload).sort()).toEqual([
      'aud',
      'auth_time',
      'exp',
      'iat',
      'iss',
      'jti',
      'role',
      'sid',
      'sub',
    ]);
    expect(payload).toMatchObject({ sub: user.id, role: 'customer' });
    expect(payload.exp! - payload.iat!).toBe(900);
  });

  it('admits the tokens that the load tools sign with the same key', async () => {
    const { user } = await client.register();
    const signToken = createAccessTokenSigner(PRIVATE_KEY_PEM);
    const token = await signToken({ userId: user.id, role: 'customer' }, 60);
    expect((await client.me(token)).body).toEqual(user);
  });

  it('verifies a signature once and answers from memory afterwards', async () => {
    const { accessToken } = await client.register();
    const line = (source: string) => `auth_tokens_verified_total{source="${source}"}`;
    const before = [await metric(line('signature')), await metric(line('cache'))];
    for (let i = 0; i < 5; i += 1) await client.me(accessToken);
    expect([await metric(line('signature')), await metric(line('cache'))]).toEqual([
      before[0]! + 1,
      before[1]! + 4,
    ]);
  });

  /** A token of our making: our header and claims unless told otherwise, signed by `signer`. */
  const forge = async (
    parts: { header?: unknown; claims?: object },
    signer = (input: string): Buffer => sign('RSA-SHA256', Buffer.from(input), PRIVATE_KEY_PEM),
  ): Promise<string> => {
    const header = 'header' in parts ? parts.header : { alg: 'RS256', typ: 'JWT', kid: await keyId() };
    const input = `${segment(header)}.${segment(claims(parts.claims))}`;
    return `${input}.${signer(input).toString('base64url')}`;
  };

  it('admits what the following forgeries start from', async () => {
    expect((await client.me(await forge({}))).status).toBe(200);
  });

  it.each<[string, (kid: string) => Promise<string>]>([
    ['alg none', () => forge({ header: { alg: 'none', typ: 'JWT' } })],
    ['alg None under our kid', (kid) => forge({ header: { alg: 'None', kid } })],
    [
      'HS256 with the public key as its secret',
      (kid) =>
        forge({ header: { alg: 'HS256', typ: 'JWT', kid } }, (input) =>
          createHmac('sha256', publicPem).update(input).digest(),
        ),
    ],
    [
      'RS256 in the header and a hash as signature',
      () => forge({}, (input) => createHmac('sha256', publicPem).update(input).digest()),
    ],
    [
      'another key under our kid',
      () => {
        const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
        return forge({}, (input) => sign('RSA-SHA256', Buffer.from(input), privateKey));
      },
    ],
    [
      'another algorithm with our key',
      (kid) =>
        forge({ header: { alg: 'RS512', kid } }, (input) =>
          sign('RSA-SHA512', Buffer.from(input), PRIVATE_KEY_PEM),
        ),
    ],
    [
      'PSS with our key',
      (kid) =>
        forge({ header: { alg: 'PS256', kid } }, (input) =>
          sign('RSA-SHA256', Buffer.from(input), {
            key: PRIVATE_KEY_PEM,
            padding: constants.RSA_PKCS1_PSS_PADDING,
          }),
        ),
    ],
    ['an unknown kid', () => forge({ header: { alg: 'RS256', kid: 'other' } })],
    ['no kid', () => forge({ header: { alg: 'RS256' } })],
    ['a kid that is a number', () => forge({ header: { alg: 'RS256', kid: 1 } })],
    ['a kid that is a path', () => forge({ header: { alg: 'RS256', kid: '../../dev/null' } })],
    ['a kid that is a property of objects', () => forge({ header: { alg: 'RS256', kid: '__proto__' } })],
    ['a header that is text', () => forge({ header: 'x' })],
    ['a header that is null', () => forge({ header: null })],
    ['garbage', () => Promise.resolve('aaaa.bbbb.cccc')],
    ['an expired one', () => forge({ claims: { exp: Math.floor(Date.now() / 1000) - 1 } })],
    ['one without expiry', () => forge({ claims: { exp: undefined } })],
    ['one whose expiry is no number', () => forge({ claims: { exp: '9999999999' } })],
    ['one with another audience', () => forge({ claims: { aud: 'other' } })],
    ['one without audience', () => forge({ claims: { aud: undefined } })],
    ['one with another issuer', () => forge({ claims: { iss: 'other' } })],
    ['one with a role nobody has', () => forge({ claims: { role: 'root' } })],
    ['one without role', () => forge({ claims: { role: undefined } })],
    ['one whose subject is no id', () => forge({ claims: { sub: "' OR 1=1" } })],
    ['one without session', () => forge({ claims: { sid: undefined } })],
  ])('refuses %s', async (_, make) => {
    const answer = await client.me(await make(await keyId()));
    expectProblem(answer, 401, 'ACCESS_TOKEN_INVALID');
    expect(answer.headers.get('www-authenticate')).toBe('Bearer realm="caudal"');
  });

  it('refuses a valid token with one changed character, also when the valid one is remembered', async () => {
    const { accessToken } = await client.register();
    expect((await client.me(accessToken)).status).toBe(200);
    const [header, payload, signature] = accessToken.split('.') as [string, string, string];
    const admin = segment({ ...(jwt.decode(accessToken) as object), role: 'superadmin' });
    const flipped = signature.replace(/^./, (first) => (first === 'A' ? 'B' : 'A'));
    for (const forged of [`${header}.${admin}.${signature}`, `${header}.${payload}.${flipped}`]) {
      expectProblem(await client.me(forged), 401, 'ACCESS_TOKEN_INVALID');
    }
  });

  it('refuses a token of an account that does not exist', async () => {
    const signToken = createAccessTokenSigner(PRIVATE_KEY_PEM);
    const token = await signToken({ userId: '0199f3a0-0000-7000-8000-00000000dead', role: 'customer' }, 60);
    expectProblem(await client.me(token), 401, 'ACCESS_TOKEN_INVALID');
  });

  it('gives each role what it may do and no more', async () => {
    const path = '/api/v1/admin/stock/0199f3a0-0000-7000-8000-00000000dead';
    const asRole = async (role: string) => client.get(path, { token: await forge({ claims: { role } }) });
    const denied = await asRole('customer');
    expectProblem(denied, 403, 'PERMISSION_DENIED');
    expect(denied.body['permission']).toBe('read:stock');
    expectProblem(await asRole('admin'), 404, 'VARIANT_NOT_FOUND');
    expectProblem(await asRole('superadmin'), 404, 'VARIANT_NOT_FOUND');
    expectProblem(await client.get(path), 401, 'AUTHENTICATION_REQUIRED');
  });

  it.each([
    ['no header', undefined, 'AUTHENTICATION_REQUIRED'],
    ['another scheme', 'Basic YTpi', 'ACCESS_TOKEN_INVALID'],
    ['an empty token', 'Bearer ', 'ACCESS_TOKEN_INVALID'],
    ['two parts', 'Bearer a.b', 'ACCESS_TOKEN_INVALID'],
    ['a token of 12 kB', `Bearer a.${'b'.repeat(12_000)}.c`, 'ACCESS_TOKEN_INVALID'],
  ])('refuses %s', async (_, authorization, code) => {
    const headers: Record<string, string> = authorization === undefined ? {} : { authorization };
    expectProblem(await client.get('/api/v1/me', { headers }), 401, code);
  });
});

describe('access tokens during a rotation of the signing key', () => {
  it('are accepted under a retired key and issued under the new one', async () => {
    const services = await startTestServices();
    const directory = mkdtempSync(join(tmpdir(), 'caudal-keys-'));
    const file = join(directory, 'retired.pem');
    writeFileSync(file, createPublicKey(PRIVATE_KEY_PEM).export({ type: 'spki', format: 'pem' }));
    const app = await startApp({ services, env: { JWT_PREVIOUS_PUBLIC_KEY_FILES: file } });
    try {
      await waitForSessionStore(app.url);
      const client = new SignInClient(app.url);
      const { user, accessToken } = await client.register();
      const old = await createAccessTokenSigner(PRIVATE_KEY_PEM)({ userId: user.id, role: 'customer' }, 60);
      expect((await client.me(old)).body).toEqual(user);
      const { body } = await client.get('/.well-known/jwks.json');
      const keyIds = (body['keys'] as { kid: string }[]).map(({ kid }) => kid);
      expect(keyIds).toHaveLength(2);
      const kidOf = (token: string) => jwt.decode(token, { complete: true })!.header.kid;
      expect([kidOf(accessToken), kidOf(old)]).toEqual(keyIds);
    } finally {
      await app.close();
      await services.close();
      rmSync(directory, { recursive: true });
    }
  });
});

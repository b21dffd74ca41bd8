import { createHmac, createPublicKey, generateKeyPairSync } from 'node:crypto';
import jwt from 'jsonwebtoken';
import { newId } from '../../src/common/ids.js';
import { TEST_SIGNING_KEY } from '../support/access-tokens.js';
import { useBadInputTrial } from '../support/bad-input-trial.js';

/** The promise: whatever is sent to whichever route, the answer is a 4xx problem with a stable code. */
describe('bad input', () => {
  const trial = useBadInputTrial();

  it('in place of If-Match is refused, and so is its absence where it is required', async () => {
    const versioned = trial().routes.filter((route) => route.takesHeader('If-Match'));
    expect(versioned.length).toBeGreaterThanOrEqual(7);
    for (const route of versioned) {
      const valid = trial().validBodies[route.name];
      const body = valid === undefined ? {} : { body: JSON.stringify(valid) };
      for (const value of [
        '*',
        'v1',
        '1',
        'W/"v1"',
        '"v-1"',
        '"v1.5"',
        '"v99999999999999999999"',
        '"v999999999"',
        '"v1", "v2"',
        '"é"',
      ])
        await trial().expectRefusal(
          `If-Match ${value}`,
          trial().request(route, { ...body, headers: { 'If-Match': value } }),
          'PRECONDITION_FAILED',
        );
      if (route.demandsHeader('If-Match'))
        await trial().expectRefusal(
          'no If-Match',
          trial().request(route, { ...body, headers: { 'If-Match': '' } }),
          'PRECONDITION_REQUIRED',
        );
    }
  });

  it('in place of an Idempotency-Key is refused, and so is its absence', async () => {
    const keyed = trial().routes.filter((route) => route.demandsHeader('Idempotency-Key'));
    expect(keyed.length).toBeGreaterThanOrEqual(2);
    for (const route of keyed) {
      const body = JSON.stringify(trial().validBodies[route.name]);
      await trial().expectRefusal(
        'no key',
        trial().request(route, { body, headers: { 'Idempotency-Key': '' } }),
        'IDEMPOTENCY_KEY_REQUIRED',
      );
      for (const key of ['x'.repeat(256), 'clé', 'two words', 'one, two', '\u00ff', 'x\ty'])
        await trial().expectRefusal(
          `key ${key}`,
          trial().request(route, { body, headers: { 'Idempotency-Key': key } }),
          'IDEMPOTENCY_KEY_INVALID',
        );
    }
  });

  it('in place of an access token is refused on every route that takes one', async () => {
    const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
    const publicPem = createPublicKey(TEST_SIGNING_KEY).export({ type: 'spki', format: 'pem' });
    const { header } = jwt.decode(trial().buyer.token, { complete: true }) as jwt.Jwt;
    const claims = { role: 'superadmin', sid: newId() };
    const options = {
      algorithm: 'RS256',
      keyid: header.kid ?? '',
      issuer: 'caudal',
      audience: 'caudal-api',
      subject: trial().buyer.userId,
      jwtid: newId(),
      expiresIn: 900,
    } as const;
    const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const payload = encode({
      ...claims,
      iss: 'caudal',
      aud: 'caudal-api',
      sub: trial().buyer.userId,
      exp: 4_000_000_000,
    });
    const hmac = (head: string) =>
      createHmac('sha256', publicPem).update(`${head}.${payload}`).digest('base64url');
    const hs256 = encode({ alg: 'HS256', typ: 'JWT', kid: header.kid });
    const [head = '', body = '', signature = ''] = trial().buyer.token.split('.');
    const tokens: Record<string, string> = {
      'nothing that looks like a token': 'nonsense',
      'no segments': '..',
      'a cut signature': `${head}.${body}.${signature.slice(0, -4)}`,
      'the payload of another token': `${head}.${payload}.${signature}`,
      'a key of a stranger': jwt.sign(claims, stranger, options),
      'an unknown key id': jwt.sign(claims, TEST_SIGNING_KEY, { ...options, keyid: 'unknown' }),
      'alg none without a signature': `${encode({ alg: 'none', typ: 'JWT' })}.${payload}.`,
      'alg none with a signature': `${encode({ alg: 'none', typ: 'JWT', kid: header.kid })}.${payload}.${signature}`,
      'alg NONE': `${encode({ alg: 'NONE', kid: header.kid })}.${payload}.x`,
      'the public key as an HMAC secret': `${hs256}.${payload}.${hmac(hs256)}`,
      'an expired token': jwt.sign(claims, TEST_SIGNING_KEY, { ...options, expiresIn: -60 }),
      'a token for later': jwt.sign(claims, TEST_SIGNING_KEY, { ...options, notBefore: 600 }),
      'another audience': jwt.sign(claims, TEST_SIGNING_KEY, { ...options, audience: 'others' }),
      'another issuer': jwt.sign(claims, TEST_SIGNING_KEY, { ...options, issuer: 'others' }),
      'a subject that is no id': jwt.sign(claims, TEST_SIGNING_KEY, { ...options, subject: "' OR 1=1" }),
      'an unknown role': jwt.sign({ ...claims, role: 'root' }, TEST_SIGNING_KEY, options),
      'a role of the prototype': jwt.sign({ ...claims, role: '__proto__' }, TEST_SIGNING_KEY, options),
      'a long token': `${head}.${'x'.repeat(8000)}.${signature}`,
    };
    const guarded = trial().routes.filter(({ takesToken }) => takesToken);
    expect(guarded.length).toBeGreaterThanOrEqual(20);
    for (const route of guarded) {
      const valid = trial().validBodies[route.name];
      const sent = valid === undefined ? {} : { body: JSON.stringify(valid) };
      for (const [what, token] of Object.entries(tokens))
        await trial().expectRefusal(what, trial().request(route, { ...sent, token }), 'ACCESS_TOKEN_INVALID');
      for (const authorization of [
        '',
        'Bearer',
        'Basic YTpi',
        `Token ${trial().buyer.token}`,
        `Bearer  ${trial().buyer.token}`,
        `Bearer ${trial().buyer.token} x`,
        'é',
      ])
        await trial().expectRefusal(
          `Authorization: ${authorization}`,
          trial().request(route, { ...sent, headers: { Authorization: authorization } }),
          'ACCESS_TOKEN_INVALID',
        );
      if (route.isForAdministrators)
        await trial().expectRefusal(
          'a customer',
          trial().request(route, { ...sent, token: trial().buyer.token }),
          'PERMISSION_DENIED',
        );
      const isOptional = route.path.includes('/cart') || route.path === '/health';
      if (!isOptional)
        await trial().expectRefusal(
          'no token',
          trial().request(route, { ...sent, token: null }),
          'AUTHENTICATION_REQUIRED',
        );
    }
  });
});

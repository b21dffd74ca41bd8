import { generateKeyPairSync } from 'node:crypto';
import { ManualClock } from '../../common/manual-clock.js';
import { loadConfig } from '../../config/index.js';
import { Metrics } from '../../infrastructure/metrics/index.js';
import { AccessTokenIssuer } from './access-token-issuer.js';
import { AccessTokenStrategy } from './access-token.strategy.js';
import { CachingAccessTokenVerifier } from './caching-access-token-verifier.js';
import { SigningKeys } from './signing-keys.js';

const { privateKey } = generateKeyPairSync('rsa', {
  modulusLength: 2048,
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  publicKeyEncoding: { type: 'spki', format: 'pem' },
});
const config = loadConfig({ DATABASE_URL: 'postgres://localhost/none', JWT_PRIVATE_KEY: privateKey });
const user = { id: '0199f3a0-0000-7000-8000-000000000001', role: 'admin' } as const;
const ISSUED_MS = Date.UTC(2026, 0, 1);

function setUp() {
  const clock = new ManualClock(ISSUED_MS);
  const keys = new SigningKeys(config);
  const strategy = new AccessTokenStrategy(keys);
  let verifications = 0;
  const counting = {
    authenticate: (token: string) => {
      verifications += 1;
      return strategy.authenticate(token);
    },
  } as AccessTokenStrategy;
  return {
    clock,
    issuer: new AccessTokenIssuer(keys, clock, config),
    verifier: new CachingAccessTokenVerifier(counting, clock, new Metrics()),
    verifications: () => verifications,
  };
}

describe('CachingAccessTokenVerifier', () => {
  it('names the holder, the session and what the role may do', async () => {
    const { issuer, verifier } = setUp();
    const principal = await verifier.verify(await issuer.issue(user, 'session-1'));
    expect(principal).toMatchObject({ userId: user.id, role: 'admin', sessionId: 'session-1' });
    expect(principal?.permissions).toContain('write:stock');
  });

  it('verifies the signature of a token once', async () => {
    const { issuer, verifier, verifications } = setUp();
    const token = await issuer.issue(user, 'session-1');
    const first = await verifier.verify(token);
    // Another string object with the same characters, as each request brings.
    expect(await verifier.verify(Buffer.from(token).toString())).toBe(first);
    expect(verifications()).toBe(1);
  });

  it.each([
    ['remembered', true],
    ['never seen before', false],
  ])('refuses a %s token from the moment it expires', async (_, isRemembered) => {
    const { clock, issuer, verifier } = setUp();
    const token = await issuer.issue(user, 'session-1');
    clock.ms = ISSUED_MS + 899_999;
    if (isRemembered) expect(await verifier.verify(token)).not.toBeNull();
    clock.ms = ISSUED_MS + 900_000;
    expect(await verifier.verify(token)).toBeNull();
    expect(await verifier.verify(token)).toBeNull();
  });

  it('does not remember refusals', async () => {
    const { issuer, verifier, verifications } = setUp();
    const forged = `${await issuer.issue(user, 'session-1')}A`;
    expect(await verifier.verify(forged)).toBeNull();
    expect(await verifier.verify(forged)).toBeNull();
    expect(verifications()).toBe(2);
  });
});

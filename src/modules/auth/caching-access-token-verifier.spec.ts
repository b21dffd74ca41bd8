import { generateKeyPairSync } from 'node:crypto';
import { ManualClock } from '../../common/manual-clock.js';
import { loadConfig } from '../../config/index.js';
import { EndedSessions, type SessionActivity, type SessionStore } from '../../core/session/index.js';
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
const NOTE_PAUSE_MS = 60_000;
const SESSION = { sessionId: 'session-1', openedAtMs: ISSUED_MS - 1, expiresInSeconds: 604_800 };

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
  const ended = new EndedSessions(true);
  const noted: string[] = [];
  const activity = {
    pauseMs: NOTE_PAUSE_MS,
    note: (_subject: string, sessionId: string) => noted.push(sessionId),
  } as unknown as SessionActivity;
  const sessions = {
    confirm: (subject: string, sessionId: string) =>
      Promise.resolve(subject === user.id && sessionId === SESSION.sessionId),
  } as SessionStore;
  const issuer = new AccessTokenIssuer(keys, clock, config);
  return {
    clock,
    ended,
    noted,
    issue: async (session = {}) => (await issuer.issue(user, { ...SESSION, ...session })).token,
    issuer,
    verifier: new CachingAccessTokenVerifier(counting, clock, ended, activity, sessions, new Metrics()),
    verifications: () => verifications,
  };
}

describe('CachingAccessTokenVerifier', () => {
  it('names the holder, the session and what the role may do', async () => {
    const { issue, verifier } = setUp();
    const principal = await verifier.verify(await issue());
    expect(principal).toMatchObject({ userId: user.id, role: 'admin', sessionId: 'session-1' });
    expect(principal?.permissions).toContain('write:stock');
  });

  it('verifies the signature of a token once', async () => {
    const { issue, verifier, verifications } = setUp();
    const token = await issue();
    const first = await verifier.verify(token);
    // Another string object with the same characters, as each request brings.
    expect(await verifier.verify(Buffer.from(token).toString())).toBe(first);
    expect(verifications()).toBe(1);
  });

  it.each([
    ['remembered', true],
    ['never seen before', false],
  ])('refuses a %s token from the moment it expires', async (_, isRemembered) => {
    const { clock, issue, verifier } = setUp();
    const token = await issue();
    clock.ms = ISSUED_MS + 899_999;
    if (isRemembered) expect(await verifier.verify(token)).not.toBeNull();
    clock.ms = ISSUED_MS + 900_000;
    expect(await verifier.verify(token)).toBeNull();
    expect(await verifier.verify(token)).toBeNull();
  });

  it('does not remember refusals', async () => {
    const { issue, verifier, verifications } = setUp();
    const forged = `${await issue()}A`;
    expect(await verifier.verify(forged)).toBeNull();
    expect(await verifier.verify(forged)).toBeNull();
    expect(verifications()).toBe(2);
  });

  it('refuses the tokens of a session from the moment its end is known, remembered or not', async () => {
    const { ended, issue, verifier } = setUp();
    const [remembered, unseen, other] = [
      await issue(),
      await issue(),
      await issue({ sessionId: 'session-2' }),
    ];
    for (const token of [remembered, other]) expect(await verifier.verify(token)).not.toBeNull();
    ended.endSession('session-1', ISSUED_MS);
    for (const token of [remembered, unseen, remembered]) expect(await verifier.verify(token)).toBeNull();
    expect(await verifier.verify(other)).toMatchObject({ sessionId: 'session-2' });
  });

  it("refuses the tokens of a user's sessions opened up to an epoch, and no later ones", async () => {
    const { ended, issue, verifier } = setUp();
    const before = await issue();
    const after = await issue({ sessionId: 'session-2', openedAtMs: ISSUED_MS + 1 });
    for (const token of [before, after]) expect(await verifier.verify(token)).not.toBeNull();
    ended.endUser(user.id, ISSUED_MS, ISSUED_MS);
    expect(await verifier.verify(before)).toBeNull();
    expect(await verifier.verify(after)).not.toBeNull();
  });

  it('answers a known token at once, also when an end has become known', async () => {
    const { ended, issue, verifier } = setUp();
    const token = await issue();
    await verifier.verify(token);
    expect(verifier.verify(token)).not.toBeInstanceOf(Promise);
    ended.endSession('session-2', ISSUED_MS);
    expect(verifier.verify(token)).not.toBeInstanceOf(Promise);
  });

  it('notes the use of a session once in a pause, the first time a pause after the token was issued', async () => {
    const { clock, issue, noted, verifier } = setUp();
    const token = await issue();
    const useAt = async (ms: number) => {
      clock.ms = ISSUED_MS + ms;
      await verifier.verify(token);
      return noted.length;
    };
    expect(await useAt(0)).toBe(0);
    expect(await useAt(NOTE_PAUSE_MS - 1)).toBe(0);
    expect(await useAt(NOTE_PAUSE_MS)).toBe(1);
    expect(await useAt(2 * NOTE_PAUSE_MS - 1)).toBe(1);
    expect(await useAt(2 * NOTE_PAUSE_MS)).toBe(2);
    expect(noted).toEqual(['session-1', 'session-1']);
  });

  it('lets no token outlive its session', async () => {
    const { clock, issuer, verifier } = setUp();
    const { token, expiresInSeconds } = await issuer.issue(user, { ...SESSION, expiresInSeconds: 7 });
    expect(expiresInSeconds).toBe(7);
    clock.ms = ISSUED_MS + 7000;
    expect(await verifier.verify(token)).toBeNull();
  });

  it('asks the store to confirm a session, and nobody about a token of a tool', async () => {
    const { issue, verifier } = setUp();
    const principalOf = async (sessionId: string) => (await verifier.verify(await issue({ sessionId })))!;
    expect(await verifier.confirm(await principalOf('session-1'))).toBe(true);
    expect(await verifier.confirm(await principalOf('session-2'))).toBe(false);
    expect(await verifier.confirm(await principalOf('operator'))).toBe(true);
  });
});

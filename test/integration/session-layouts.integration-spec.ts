import { randomBytes } from 'node:crypto';
import { Redis } from 'ioredis';
import { startTestServices, type TestServices } from '../support/services/index.js';
import { SessionInstance } from '../support/session-instance.js';

const UNKNOWN = { kind: 'refused', reason: 'unknown', subject: null };

/** What of another layout, or of nobody, lies in the store when a version is rolled out or rolled back. */
describe('a record that this version did not write', () => {
  let services: TestServices;
  let instance: SessionInstance;
  let redis: Redis;

  beforeAll(async () => {
    services = await startTestServices();
    instance = await SessionInstance.start(services);
    redis = new Redis(services.redis.url);
  });

  beforeEach(() => redis.flushall());

  afterAll(async () => {
    redis.disconnect();
    await instance.close();
    await services.close();
  });

  it('of layout 1 is unknown, which asks for a log-in, and lies where nobody is in its way', async () => {
    // The token of that layout has the same form: tag, family and secret.
    const bytes = randomBytes(57);
    const [tag, family] = [bytes.toString('base64url', 0, 9), bytes.toString('base64url', 9, 25)];
    await redis.hset(`caudal:session:family:{${tag}}:${family}`, {
      subject: 'ada',
      hash: randomBytes(32).toString('hex'),
      expiresAtMs: String(Date.now() + 60_000),
    });
    await redis.zadd(`caudal:session:index:{${tag}}`, Date.now() + 60_000, family);
    expect(await instance.store.rotate(bytes.toString('base64url'))).toEqual(UNKNOWN);
    expect(await instance.store.revoke(bytes.toString('base64url'))).toBeNull();
    expect((await instance.store.rotate((await instance.open('ada')).token)).kind).toBe('rotated');
  });

  it.each([
    ['is empty', Buffer.alloc(0)],
    ['is text', Buffer.from('{"hash":"abc"}')],
    ['is one byte too short', Buffer.alloc(57, 255)],
    ['is random', Buffer.alloc(58, 173)],
    ['names more bytes than it has', Buffer.concat([Buffer.alloc(56, 127), Buffer.from([200, 1, 2])])],
  ])('and %s is no session, and breaks nothing of the others', async (_, record) => {
    const [odd, sound] = [await instance.open('ada'), await instance.open('ada')];
    const [book] = await redis.keys('caudal:session:book:*');
    await redis.hset(book!, odd.sessionId, record);
    expect((await instance.store.list('ada')).sessions.map(({ sessionId }) => sessionId)).toEqual(
      record.length < 58 ? [sound.sessionId] : expect.arrayContaining([sound.sessionId]),
    );
    if (record.length < 58) expect(await instance.store.confirm('ada', odd.sessionId)).toBe(false);
    expect(await instance.store.rotate(odd.token)).toMatchObject({ kind: 'refused' });
    await redis.hset(book!, odd.sessionId, record);
    await instance.open('ada');
    expect((await instance.store.rotate(sound.token)).kind).toBe('rotated');
    await redis.hset(book!, odd.sessionId, record, 'epoch', 'what?');
    expect(await instance.store.revokeAll('ada')).toBeGreaterThanOrEqual(2);
    expect((await instance.store.list('ada')).sessions).toEqual([]);
    expect(await redis.hkeys(book!)).toEqual(['epoch']);
    expect((await instance.store.rotate((await instance.open('ada')).token)).kind).toBe('rotated');
  });

  it('without the name of its user is unknown', async () => {
    const { token } = await instance.open('ada');
    const [book] = await redis.keys('caudal:session:book:*');
    await redis.hdel(book!, 'subject');
    expect(await instance.store.rotate(token)).toEqual(UNKNOWN);
  });
});

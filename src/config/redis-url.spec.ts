import { parseRedisUrl } from './redis-url.js';

describe('the URL of a Redis', () => {
  const plain = {
    isTls: false,
    username: '',
    password: '',
    database: 0,
    masterName: '',
    sentinelUsername: '',
    sentinelPassword: '',
  };
  const node = (host: string, port: number) => ({ host, port });

  it.each([
    ['redis://127.0.0.1', { ...plain, mode: 'single', nodes: [node('127.0.0.1', 6379)] }],
    ['redis://[::1]:7000/3', { ...plain, mode: 'single', nodes: [node('::1', 7000)], database: 3 }],
    [
      'rediss://shop:p%40ss%3Aword@redis.internal:6380/0',
      {
        ...plain,
        mode: 'single',
        isTls: true,
        nodes: [node('redis.internal', 6380)],
        username: 'shop',
        password: 'p@ss:word',
      },
    ],
    ['redis://:secret@h:1', { ...plain, mode: 'single', nodes: [node('h', 1)], password: 'secret' }],
    [
      'redis+sentinel://u:p@s1:26379,s2,s3:26381/mymaster/2?sentinelUsername=su&sentinelPassword=sp',
      {
        ...plain,
        mode: 'sentinel',
        nodes: [node('s1', 26379), node('s2', 26379), node('s3', 26381)],
        username: 'u',
        password: 'p',
        database: 2,
        masterName: 'mymaster',
        sentinelUsername: 'su',
        sentinelPassword: 'sp',
      },
    ],
    [
      'rediss+cluster://u:p@c1:7001,c2:7002',
      {
        ...plain,
        mode: 'cluster',
        isTls: true,
        nodes: [node('c1', 7001), node('c2', 7002)],
        username: 'u',
        password: 'p',
      },
    ],
  ])('%s is understood', (text, target) => {
    expect(parseRedisUrl(text)).toEqual(target);
  });

  it.each([
    ['http://localhost', /expected redis:\/\//],
    ['localhost:6379', /expected redis:\/\//],
    ['redis://', /not host:port/],
    ['redis://a:6379,b:6379', /takes one server/],
    ['redis://a:70000', /not host:port/],
    ['redis://a:6379/shop', /not the number of a database/],
    ['redis://a:6379/1/2', /not the number of a database/],
    ['redis://a?db=1', /unknown parameter "db"/],
    ['redis+sentinel://a,b', /needs the name of the master/],
    ['redis+cluster://a:1,,b:2', /not host:port/],
    ['redis+cluster://a:1/1', /no database but 0/],
    ['redis://hunter2@a', /user:password@/],
    ['redis://u:%zz@a', /percent-encoded/],
  ])('%s is refused with a reason', (text, reason) => {
    expect(() => parseRedisUrl(text)).toThrow(reason);
  });

  it('is never repeated with its password', () => {
    for (const text of [
      'redis://u:hunter2@a:99999',
      'redis://u:hunter2@a/x',
      'http://u:hunter2@a',
      'redis://u:hunter2/x@a:1',
      'redis://u:p@hunter2@a',
      'redis://u:hunter2?x@a',
    ]) {
      let message = '';
      try {
        parseRedisUrl(text);
      } catch (error) {
        message = String(error);
      }
      expect(message).toContain('Error');
      expect(message).not.toContain('hunter2');
    }
  });
});

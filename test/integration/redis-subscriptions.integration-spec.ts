import { loadConfig } from '../../src/config/index.js';
import { createLogger } from '../../src/infrastructure/logging/index.js';
import { Metrics } from '../../src/infrastructure/metrics/index.js';
import { RedisService, type Subscription } from '../../src/infrastructure/redis/index.js';
import { testEnvironment } from '../support/app-harness.js';
import { startTestServices, type TestServices } from '../support/services/index.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { waitFor } from '../support/wait-for.js';

/** What one subscriber has heard. */
class Listener {
  readonly messages: string[] = [];
  gaps = 0;
  readonly subscription: Subscription;

  constructor(redis: RedisService, channel: string) {
    this.subscription = redis.subscribe('main', channel, {
      onMessage: (message) => this.messages.push(message),
      onGap: () => (this.gaps += 1),
    });
  }

  live(): Promise<void> {
    return waitFor('the subscription', () => this.subscription.isLive);
  }
}

describe('subscriptions', () => {
  let services: TestServices;
  let proxy: TcpProxy;
  let publisher: RedisService;
  let redis: RedisService;

  const startService = (url: string): RedisService => {
    const env = testEnvironment(services, { REDIS_URL: url });
    return new RedisService(loadConfig(env), createLogger('silent'), new Metrics());
  };
  const publish = (channel: string, message: string) => publisher.client('main').publish(channel, message);
  const subscriberCount = async (): Promise<number> => {
    const list = String(await publisher.client('main').client('LIST', 'TYPE', 'PUBSUB'));
    return list.split('\n').filter((line) => line.includes('-subscriber')).length;
  };

  beforeAll(async () => {
    services = await startTestServices();
    publisher = startService(services.redis.url);
    await waitFor('Redis', () => publisher.isReady('main'));
  });

  beforeEach(async () => {
    proxy = await TcpProxy.start(services.redis.port);
    redis = startService(`redis://127.0.0.1:${String(proxy.port)}`);
  });

  afterEach(async () => {
    redis.onApplicationShutdown();
    proxy.close();
    await waitFor('the end of the connections', async () => (await subscriberCount()) === 0);
  });

  afterAll(async () => {
    publisher.onApplicationShutdown();
    await services.close();
  });

  it('deliver what is published, in its order, to every subscriber of the channel and no other', async () => {
    const [one, two, other] = ['a', 'a', 'b'].map((channel) => new Listener(redis, channel)) as [
      Listener,
      Listener,
      Listener,
    ];
    await Promise.all([one.live(), two.live(), other.live()]);
    for (let i = 0; i < 100; i += 1) await publish('a', String(i));
    await publish('b', 'last');
    await waitFor('the last message', () => other.messages.length > 0);
    const expected = Array.from({ length: 100 }, (_, i) => String(i));
    expect([one.messages, two.messages, other.messages]).toEqual([expected, expected, ['last']]);
  });

  it('share one connection, and several roles with one URL as well', async () => {
    const listeners = ['a', 'b', 'c'].map((channel) => new Listener(redis, channel));
    redis.subscribe('sessions', 'd', { onMessage: () => undefined });
    await Promise.all(listeners.map((listener) => listener.live()));
    expect(await subscriberCount()).toBe(1);
  });

  it('say when they stand, when they are interrupted, and when they stand again, and then deliver', async () => {
    const listener = new Listener(redis, 'a');
    await listener.live();
    expect(listener.gaps).toBe(1);
    proxy.cut();
    await waitFor('the interruption', () => listener.gaps === 2);
    expect(listener.subscription.isLive).toBe(false);
    await publish('a', 'missed');
    proxy.restore();
    await listener.live();
    expect(listener.gaps).toBe(3);
    await publish('a', 'heard');
    await waitFor('a message', () => listener.messages.length > 0);
    expect(listener.messages).toEqual(['heard']);
  });

  it('notice a server that hangs, and recover when it goes on', async () => {
    const listener = new Listener(redis, 'a');
    await listener.live();
    services.redis.kill('SIGSTOP');
    try {
      await waitFor('the interruption', () => !listener.subscription.isLive, 4000);
    } finally {
      services.redis.kill('SIGCONT');
    }
    await listener.live();
    await publish('a', 'heard');
    await waitFor('a message', () => listener.messages.includes('heard'));
  });

  it('survive a restart of the server', async () => {
    const listener = new Listener(redis, 'a');
    await listener.live();
    await services.redis.restart();
    await waitFor('the interruption', () => listener.gaps >= 2);
    await listener.live();
    await waitFor('the publisher', () => publisher.isReady('main'));
    await publish('a', 'heard');
    await waitFor('a message', () => listener.messages.includes('heard'));
  });

  it('can be closed and made again without losing those of others', async () => {
    const [kept, closed] = [new Listener(redis, 'a'), new Listener(redis, 'a')];
    await Promise.all([kept.live(), closed.live()]);
    closed.subscription.close();
    const alone = new Listener(redis, 'b');
    await alone.live();
    alone.subscription.close();
    const again = new Listener(redis, 'b');
    await again.live();
    await publish('a', 'kept');
    await publish('b', 'again');
    await waitFor('the messages', () => kept.messages.length === 1 && again.messages.length === 1);
    expect([closed.messages, alone.messages]).toEqual([[], []]);
  });

  it('go on for the others when a handler throws', async () => {
    redis.subscribe('main', 'a', {
      onMessage: () => {
        throw new Error('broken');
      },
    });
    const listener = new Listener(redis, 'a');
    await listener.live();
    await publish('a', 'heard');
    await waitFor('a message', () => listener.messages.length === 1);
  });
});

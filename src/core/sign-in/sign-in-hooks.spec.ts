import { RecordingLogger } from '../../infrastructure/logging/recording-logger.js';
import { SignInHooks, type SigningIn } from './sign-in-hooks.js';

const SIGNING_IN = { userId: 'ada' } as SigningIn;

describe('the hooks of a sign-in', () => {
  const logger = new RecordingLogger();
  const newHooks = () => new SignInHooks(logger);

  it('all run to their end, and one that fails is only logged', async () => {
    const hooks = newHooks();
    const done: string[] = [];
    hooks.register('broken', () => Promise.reject(new Error('no database')));
    hooks.register('slow', async ({ userId }) => {
      await new Promise((resolve) => setImmediate(resolve));
      done.push(userId);
    });
    await hooks.run(SIGNING_IN);
    expect(done).toEqual(['ada']);
    expect(logger.fieldsOf('warn')).toEqual([{ hook: 'broken', reason: 'Error: no database' }]);
  });

  it('have a name of their own each', () => {
    const hooks = newHooks();
    hooks.register('cart', () => Promise.resolve());
    expect(() => {
      hooks.register('cart', () => Promise.resolve());
    }).toThrow('twice');
  });
});

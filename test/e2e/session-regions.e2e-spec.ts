import { testEnvironment } from '../support/app-harness.js';
import { AppProcess } from '../support/app-process.js';
import { whileFrozen } from '../support/redis-faults.js';
import { startTestServices, type Redis, type TestServices } from '../support/services/index.js';
import { expectProblem, newEmail, SignInClient, waitForSessionStore } from '../support/sign-in-client.js';
import { waitFor } from '../support/wait-for.js';

const POLL_MS = 1000;
const REMOTE_DEADLINE_MS = 500;
/** The pause between two looks, the deadline of a command of another region, and what a busy machine takes. */
const STATED_DELAY_MS = POLL_MS + REMOTE_DEADLINE_MS + 2000;

describe('two regions of two processes each', () => {
  let services: TestServices;
  let euStore: Redis;
  const fleet: { eu: AppProcess[]; us: AppProcess[] } = { eu: [], us: [] };

  const clientOf = (region: 'eu' | 'us', index = 0) => new SignInClient(fleet[region][index]!.url);
  /** The same person, whose requests are now routed to the other region. */
  const moved = (client: SignInClient, region: 'eu' | 'us', index = 0) => {
    const there = clientOf(region, index);
    there.cookie = client.cookie;
    return there;
  };
  const tokenOf = (answer: { body: Record<string, unknown> }) => String(answer.body['accessToken']);
  const statusesOf = async (token: string) =>
    Promise.all(
      [...fleet.eu, ...fleet.us].map(async ({ url }) => (await new SignInClient(url).me(token)).status),
    );
  const endsEverywhere = (token: string) =>
    waitFor(
      'every process',
      async () => (await statusesOf(token)).every((status) => status === 401),
      STATED_DELAY_MS,
    );

  beforeAll(async () => {
    services = await startTestServices();
    euStore = services.redis;
    const usStore = await services.startAnotherRedis();
    for (const [region, { url }] of [
      ['eu', euStore],
      ['us', usStore],
    ] as const) {
      const environment = testEnvironment(
        { ...services, redis: { url } },
        {
          REGION: region,
          REDIS_SESSION_REGIONS: `eu=${euStore.url},us=${usStore.url}`,
          REDIS_SESSION_REGIONS_TIMEOUT_MS: String(REMOTE_DEADLINE_MS),
          SESSION_REVOCATION_POLL_MS: String(POLL_MS),
        },
      );
      for (let i = 0; i < 2; i += 1) fleet[region].push(await AppProcess.start(environment));
      for (const { url: processUrl } of fleet[region]) await waitForSessionStore(processUrl);
    }
  }, 120_000);

  afterAll(async () => {
    await Promise.all([...fleet.eu, ...fleet.us].map((each) => each.stop()));
    await services.close();
  });

  it('know one session, which either refreshes and either ends', async () => {
    const phone = clientOf('eu');
    const signedIn = await phone.register();
    expect(await statusesOf(signedIn.accessToken)).toEqual([200, 200, 200, 200]);
    const abroad = moved(phone, 'us');
    const refreshed = await abroad.refresh();
    expect(refreshed.status).toBe(200);
    const listed = await abroad.get('/api/v1/me/sessions', { token: tokenOf(refreshed) });
    expect(listed.body).toMatchObject({ items: [{ current: true }], missingRegions: [] });
    expect((await moved(abroad, 'us', 1).logOut()).status).toBe(204);
    await endsEverywhere(tokenOf(refreshed));

    const tokens = [
      tokenOf(await clientOf('eu').logIn(signedIn.user.email)),
      tokenOf(await clientOf('us').logIn(signedIn.user.email)),
    ];
    const ended = await clientOf('us', 1).request('DELETE', '/api/v1/me/sessions', { token: tokens[0] });
    expect(ended.body).toEqual({ ended: 2 });
    for (const token of tokens) await endsEverywhere(token);
  }, 30_000);

  it('say which one is away, and stay ready; who is signed in goes on, and may sign in anew', async () => {
    const email = newEmail();
    const phone = clientOf('eu');
    const { accessToken } = await phone.register(email);
    const abroad = moved(phone, 'us');
    await whileFrozen(euStore, async () => {
      expect((await abroad.me(accessToken)).status).toBe(200);
      const refused = await abroad.refresh();
      expectProblem(refused, 503, 'SESSION_REGION_UNAVAILABLE');
      expect(refused.body['region']).toBe('eu');
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
      expect(abroad.cookie).toBe(phone.cookie);
      expectProblem(
        await abroad.request('DELETE', '/api/v1/me/sessions', { token: accessToken }),
        503,
        'SESSION_REGION_UNAVAILABLE',
      );
      const again = await clientOf('us', 1).logIn(email);
      expect(again.status).toBe(200);
      const listed = await clientOf('us').get('/api/v1/me/sessions', { token: tokenOf(again) });
      expect(listed.body).toMatchObject({ items: [{ current: true }], missingRegions: ['eu'] });
      for (const { managementUrl } of fleet.us)
        expect((await fetch(`${managementUrl}/health/ready`)).status).toBe(200);
    });
    // A hung server executes what had reached it: then the refresh is used up, and its session ends.
    await waitFor('the home', async () => [200, 401].includes((await abroad.refresh()).status));
    expect((await clientOf('eu', 1).logIn(email)).status).toBe(200);
  }, 30_000);
});

import { newId } from '../../src/common/ids.js';
import { signAccessToken } from '../support/access-tokens.js';
import { ApiClient } from '../support/api-client.js';
import { testEnvironment } from '../support/app-harness.js';
import { AppProcess } from '../support/app-process.js';
import { startTestServices, type TestServices } from '../support/services/index.js';
import { expectProblem, SignInClient } from '../support/sign-in-client.js';
import { waitFor } from '../support/wait-for.js';

const STATISTICS = '/api/v1/admin/sessions/statistics';
/** The life of the lease, a tick, and something for a busy machine. */
const TAKEOVER_DEADLINE_MS = 20_000;

describe('the session monitor of a fleet', () => {
  let services: TestServices;
  const fleet: AppProcess[] = [];

  beforeAll(async () => {
    services = await startTestServices();
    const env = { FEATURE_SESSION_MONITOR: 'true', SESSION_MONITOR_INTERVAL_MS: '1000' };
    for (let index = 0; index < 2; index += 1)
      fleet.push(await AppProcess.start(testEnvironment(services, env)));
  });

  afterAll(async () => {
    await Promise.all(fleet.map((each) => each.stop('SIGKILL')));
    await services.close();
  });

  const leaders = async (): Promise<AppProcess[]> => {
    const found: AppProcess[] = [];
    for (const each of fleet) if ((await each.metric('session_monitor_leader')) === 1) found.push(each);
    return found;
  };
  const usersSeenBy = async ({ url }: AppProcess): Promise<number | undefined> => {
    const { body } = await new ApiClient(url).get(STATISTICS, { token: signAccessToken(newId(), 'admin') });
    return (body['statistics'] as { users: number } | null)?.users;
  };

  it('has one leader, tells its result on every process, and only to those who may read it', async () => {
    const [first, second] = fleet as [AppProcess, AppProcess];
    await new SignInClient(first.url).register();
    await waitFor('both to know of the user', async () =>
      (await Promise.all([first, second].map(usersSeenBy))).every((users) => users === 1),
    );
    expect(await leaders()).toHaveLength(1);
    expectProblem(await new ApiClient(first.url).get(STATISTICS), 401, 'AUTHENTICATION_REQUIRED');
    const customer = { token: signAccessToken(newId(), 'customer') };
    expectProblem(await new ApiClient(first.url).get(STATISTICS, customer), 403, 'PERMISSION_DENIED');
  });

  it('is led on by another process when its leader is killed', async () => {
    const [leader] = await leaders();
    await leader?.stop('SIGKILL');
    fleet.splice(0, 2, ...fleet.filter((each) => each !== leader));
    const [survivor] = fleet as [AppProcess];
    await waitFor('the other one to lead', async () => (await leaders()).length === 1, TAKEOVER_DEADLINE_MS);
    await new SignInClient(survivor.url).register();
    await waitFor('it to find the new user', async () => (await usersSeenBy(survivor)) === 2);
    expect((await fetch(`${survivor.url}/health/ready`)).status).toBe(200);
    expect(await survivor.stop()).toBe(0);
  });
});

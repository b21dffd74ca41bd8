// @ts-check
// npm run rehearse:compose
// Brings the stack of docker-compose.production.yml up on the Docker Engine of DOCKER_HOST, under a name and with
// secrets of its own, and uses it as the world does: over HTTPS through nginx. Prints a timeline; exit code 1 when a goal
// is missed. What it made, it takes away again. Images have to be there, pulled or made under those names; a service
// whose image is not there is left out and named.
import { Unavailable, pause, rehearse, succeeds } from '../rehearsal/cache.mjs';
import { createComposeProject } from '../rehearsal/compose-project.mjs';
import { codeOf, createShopClient, openShop, startLoad } from '../rehearsal/shop-client.mjs';

const LOAD_MS = Number(process.env['LOAD_MS'] ?? 20_000);
const DEADLINE_MS = 1_500_000;

await rehearse('compose', { deadlineMs: DEADLINE_MS }, async (rehearsal) => {
  const { say, goal, later, leftOut, signal } = rehearsal;
  for (const args of [['version'], ['compose', 'version']])
    if (!(await succeeds('docker', args)))
      throw new Unavailable(`docker ${args.join(' ')} fails: no engine, or no compose`);

  const image = process.env['CAUDAL_IMAGE'];
  /** @type {Record<string, string>} */
  const settings = image === undefined ? {} : { CAUDAL_IMAGE: image };
  const project = await createComposeProject({ env: {}, later, settings });
  project.without.forEach(leftOut);
  await project.up();
  say(`up --wait: ${String(project.services.length)} services`);
  const doors = await project.doors();
  goal(doors.length === 1 && /nginx/.test(doors[0] ?? ''), 'only nginx publishes ports');

  const client = createShopClient({ port: project.httpsPort, host: project.host });
  later(client.forgetConnections);
  const expectStatus = (
    /** @type {import('../rehearsal/shop-client.mjs').Answer} */ answer,
    /** @type {number[]} */ expected,
    /** @type {string} */ step,
  ) => {
    goal(expected.includes(answer.status), `${step}: ${String(answer.status)} ${codeOf(answer)}`.trim());
    return answer.body;
  };
  const shop = await openShop(client, project.admin, expectStatus);
  const order = expectStatus(await client.placeOrder(shop), [201], 'an order over HTTPS');
  const orderId = String(order['id']);
  expectStatus(await client.pay(orderId, shop.token), [201], 'its payment');

  const load = startLoad(client, shop, signal);
  await pause(LOAD_MS / 4);
  const killed = await project.containerOf('app-2');
  await project.docker('kill', '--signal', 'KILL', killed);
  say('app-2 killed with -9');
  await pause(LOAD_MS / 4);
  await project.docker('start', killed);
  await project.compose('restart', 'app-3');
  say('app-2 started again, app-3 restarted');
  await pause(LOAD_MS / 2);
  const { line, failed } = await load.stop();
  say(`under load: ${line}`);
  goal(failed === 0, 'no request failed that may be repeated');

  await project.compose('down');
  say('down');
  client.forgetConnections();
  await project.up();
  say('up again');
  const found = await client.send('GET', `/api/v1/orders/${orderId}`, { token: shop.token });
  expectStatus(found, [200], 'the order of before is there');
  goal(/^paid$/i.test(String(found.body['status'])), `and is ${String(found.body['status'])}`);
});

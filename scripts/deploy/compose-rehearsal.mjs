// @ts-check
// npm run rehearse:compose
// Brings the stack of docker-compose.production.yml up, under a name and with secrets of its own, and uses it as the world
// does: over HTTPS through nginx. Takes the Docker Engine that answers, otherwise starts one; builds the project's images
// (CAUDAL_IMAGE: takes that one for the application); pulls the others, or makes stand-ins where no registry answers, and
// says so. Prints a timeline. Exit code 1 when a goal is missed; 69 when it cannot be run here. What it made, it takes away.
import { rehearse } from '../rehearsal/cache.mjs';
import { createComposeProject } from '../rehearsal/compose-project.mjs';
import { rehearseAddresses } from '../rehearsal/compose/addresses.mjs';
import { rehearseBackups } from '../rehearsal/compose/backups.mjs';
import { rehearseDeployments } from '../rehearsal/compose/deployments.mjs';
import { rehearseFailovers } from '../rehearsal/compose/failovers.mjs';
import { rehearseProcesses } from '../rehearsal/compose/processes.mjs';
import {
  rehearseBackupImage,
  rehearseFirewall,
  rehearseGatewayImage,
} from '../rehearsal/compose/project-images.mjs';
import { startEngine } from '../rehearsal/engine.mjs';
import { buildImage } from '../rehearsal/image-build.mjs';
import { codeOf, createShopClient, openShop } from '../rehearsal/shop-client.mjs';
import { ensureInstalled } from '../setup/install.mjs';
import { createSteps } from '../setup/steps.mjs';

const DEADLINE_MS = 3_600_000;

await rehearse('compose', { deadlineMs: DEADLINE_MS }, async (rehearsal) => {
  const { say, goal, later, leftOut } = rehearsal;
  // The stand-in of Node's image takes the Node that the packages bring.
  await ensureInstalled(createSteps());
  const engine = await startEngine({ later, isComposeNeeded: true });
  const { CAUDAL_IMAGE: given } = process.env;
  // Compose would take it for what deploy.sh writes into .env.
  delete process.env['CAUDAL_IMAGE'];
  const image = given ?? 'caudal:rehearsal';
  if (given === undefined) await buildImage(engine, rehearsal, image);
  const backupImage = await rehearseBackupImage(engine, rehearsal);

  // The processes, the engine and the buyers share a few cores here: shedding would be all that is seen.
  // One address and one account stand for all of them.
  const limits = { RATE_LIMIT_PER_MINUTE: '60000', RATE_LIMIT_USER_PER_MINUTE: '60000' };
  const settings = { CAUDAL_IMAGE: image, FEATURE_LOAD_SHEDDING: 'false', ...limits };
  const project = await createComposeProject({ engine, later, settings });
  for (const { name, source, what, services } of project.images) {
    const line = `${services.join(', ')} (${name}: ${what})`;
    if (source === 'none') leftOut(line);
    else
      say(
        source === 'pulled'
          ? `on the official image: ${services.join(', ')} (${name})`
          : `on a stand-in: ${line}`,
      );
  }
  await project.up();
  say(`up --wait: ${String(project.services.length)} services`);
  const doors = await project.doors();
  goal(doors.length === 1 && /nginx/.test(doors[0] ?? ''), 'only nginx publishes ports');

  const client = createShopClient({ port: project.httpsPort, host: project.host });
  later(client.forgetConnections);
  /** @param {import('../rehearsal/shop-client.mjs').Answer} answer @param {number[]} expected @param {string} step */
  const expectStatus = (answer, expected, step) => {
    goal(expected.includes(answer.status), `${step}: ${String(answer.status)} ${codeOf(answer)}`.trim());
    return answer.body;
  };
  const shop = await openShop(client, project.admin, expectStatus);
  const order = expectStatus(await client.placeOrder(shop), [201], 'an order over HTTPS');
  const orderId = String(order['id']);
  expectStatus(await client.pay(orderId, shop.token), [201], 'its payment');

  const stage = { rehearsal, project, env: engine.env, client, shop };
  await rehearseProcesses(stage);
  await rehearseAddresses(stage);
  await rehearseFailovers(stage);
  await rehearseDeployments(stage);

  await project.compose('down');
  say('down');
  client.forgetConnections();
  await project.up();
  say('up again');
  const found = await client.send('GET', `/api/v1/orders/${orderId}`, { token: shop.token });
  expectStatus(found, [200], 'the order of before is there');
  goal(/^paid$/i.test(String(found.body['status'])), `and is ${String(found.body['status'])}`);
  await rehearseGatewayImage(engine, stage);
  await rehearseFirewall(engine, stage);
  if (backupImage !== null) await rehearseBackups(stage, backupImage);
});

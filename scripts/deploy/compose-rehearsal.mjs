// @ts-check
// npm run rehearse:compose
// Brings the stack of docker-compose.production.yml up, under a name and with secrets of its own, and uses it as the world
// does: over HTTPS through nginx. Takes the Docker Engine that answers, otherwise starts one; builds the project's images
// (CAUDAL_IMAGE: takes that one for the application); pulls the others, or makes stand-ins where no registry answers, and
// says so. Prints a timeline. Exit code 1 when a goal is missed; 69 when it cannot be run here. What it made, it takes away.
import { rehearse } from '../rehearsal/cache.mjs';
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
import { openStage } from '../rehearsal/compose/stage.mjs';

const DEADLINE_MS = 3_600_000;

await rehearse('compose', { deadlineMs: DEADLINE_MS }, async (rehearsal) => {
  const stage = await openStage(rehearsal, { name: 'caudal-rehearsal' });
  const { say, goal } = rehearsal;
  const { project, client, shop, expectStatus } = stage;
  const doors = await project.doors();
  goal(doors.length === 1 && /nginx/.test(doors[0] ?? ''), 'only nginx publishes ports');
  const order = expectStatus(await client.placeOrder(shop), [201], 'an order over HTTPS');
  const orderId = String(order['id']);
  expectStatus(await client.pay(orderId, shop.token), [201], 'its payment');

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
  await rehearseGatewayImage(stage);
  await rehearseFirewall(stage);
  const backupImage = await rehearseBackupImage(stage);
  if (backupImage !== null) await rehearseBackups(stage, backupImage);
});

// @ts-check
// What every part of a rehearsal of the compose stack is given, and how it comes to be.
import { ensureInstalled } from '../../setup/install.mjs';
import { createSteps } from '../../setup/steps.mjs';
import { createComposeProject } from '../compose-project.mjs';
import { startEngine } from '../engine.mjs';
import { buildImage } from '../image-build.mjs';
import { codeOf, createShopClient, openShop } from '../shop-client.mjs';

/**
 * @typedef {object} Stage
 * @property {import('../cache.mjs').Rehearsal} rehearsal
 * @property {import('../engine.mjs').Engine} engine
 * @property {import('../compose-project.mjs').ComposeProject} project the stack, which is up
 * @property {NodeJS.ProcessEnv} env of the engine
 * @property {import('../shop-client.mjs').ShopClient} client
 * @property {import('../shop-client.mjs').Shop} shop with a product in stock and a buyer
 * @property {(answer: import('../shop-client.mjs').Answer, expected: number[], step: string) => Record<string, unknown>} expectStatus
 *   a goal of one request; its body
 */

/**
 * Takes the Docker Engine that answers, otherwise starts one; builds the project's image (CAUDAL_IMAGE: takes that
 * one); brings the stack up under a name and with secrets of its own, and says of each other image where it is from.
 *
 * @param {import('../cache.mjs').Rehearsal} rehearsal
 * @param {{ name: string, overlays?: readonly string[], settings?: (engine: import('../engine.mjs').Engine) => Promise<Record<string, string>> }} options
 * @returns {Promise<Stage>}
 */
export async function openStage(rehearsal, { name, overlays = [], settings = () => Promise.resolve({}) }) {
  const { goal, later, say } = rehearsal;
  // The stand-in of Node's image takes the Node that the packages bring.
  await ensureInstalled(createSteps());
  const engine = await startEngine({ later, isComposeNeeded: true });
  const { CAUDAL_IMAGE: given } = process.env;
  // Compose would take it for what deploy.sh writes into .env.
  delete process.env['CAUDAL_IMAGE'];
  const image = given ?? 'caudal:rehearsal';
  if (given === undefined) await buildImage(engine, rehearsal, image);

  // The processes, the engine and the buyers share a few cores here: shedding would be all that is seen.
  // One address and one account stand for all of them.
  const limits = { RATE_LIMIT_PER_MINUTE: '60000', RATE_LIMIT_USER_PER_MINUTE: '60000' };
  const project = await createComposeProject({
    ...{ engine, later, name, overlays },
    settings: {
      ...{ CAUDAL_IMAGE: image, FEATURE_LOAD_SHEDDING: 'false', ...limits },
      ...(await settings(engine)),
    },
  });
  tellImages(rehearsal, project.images);
  await project.up();
  say(`up --wait: ${String(project.services.length)} services`);

  const client = createShopClient({ port: project.httpsPort, host: project.host });
  later(client.forgetConnections);
  /** @type {Stage['expectStatus']} */
  const expectStatus = (answer, expected, step) => {
    goal(expected.includes(answer.status), `${step}: ${String(answer.status)} ${codeOf(answer)}`.trim());
    return answer.body;
  };
  const shop = await openShop(client, project.admin, expectStatus);
  return { rehearsal, engine, project, env: engine.env, client, shop, expectStatus };
}

/**
 * @param {import('../cache.mjs').Rehearsal} rehearsal
 * @param {import('../compose-project.mjs').ComposeProject['images']} images
 */
export function tellImages({ say, leftOut }, images) {
  for (const { name, source, what, services } of images) {
    const line = `${services.join(', ')} (${name}: ${what})`;
    if (source === 'none') leftOut(line);
    else if (source === 'pulled') say(`on the official image: ${services.join(', ')} (${name})`);
    else say(`on a stand-in: ${line}`);
  }
}

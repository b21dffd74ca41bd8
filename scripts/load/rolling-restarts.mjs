// @ts-check
// Restarts the processes of a fleet one after the other, as a deployment does, while clients with keep-alive
// connections go on through a balancer; counts what they were not given.
import { Agent, request as sendRequest } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { LocalBalancer } from './local-balancer.mjs';

const POLL_MS = 10;
const NOTICED_WITHIN_MS = 20_000;

/**
 * @typedef {object} FleetProcess
 * @property {string} url
 * @property {() => Promise<unknown>} stop tells it to stop (SIGTERM); resolves with what is to be reported of its end
 */

/**
 * @typedef {object} FleetRequest
 * @property {string} method
 * @property {string} path
 * @property {Record<string, string>} [headers]
 * @property {string} [body]
 */

/**
 * @typedef {object} Outcome
 * @property {Record<string, number>} answers by status
 * @property {string[]} failures requests without an answer, or with one of 400 and above
 * @property {unknown[]} ends of the processes that were told to stop
 */

/**
 * @param {object} plan
 * @param {() => Promise<FleetProcess>} plan.start one more process, which is ready
 * @param {number} plan.processes
 * @param {number} plan.restarts
 * @param {number} plan.clients each with one connection and one request at a time
 * @param {number} plan.thinkMs pause of a client between two requests
 * @param {number} plan.probeMs
 * @param {() => FleetRequest} plan.nextRequest
 * @returns {Promise<Outcome>}
 */
export async function restartInTurn(plan) {
  const balancer = await LocalBalancer.start(plan);
  /** @type {FleetProcess[]} */
  const fleet = [];
  /** @type {Outcome} */
  const outcome = { answers: {}, failures: [], ends: [] };
  const clients = { isOver: false };
  const fill = async () => {
    while (fleet.length < plan.processes) {
      const started = await plan.start();
      fleet.push(started);
      balancer.add(started.url);
    }
    await until('the balancer to find every process ready', () => balancer.readyCount === plan.processes);
  };
  try {
    await fill();
    const load = Promise.all(
      Array.from({ length: plan.clients }, () => runClient(balancer.port, plan, clients, outcome)),
    );
    try {
      for (let restart = 0; restart < plan.restarts; restart += 1) {
        const before = answersOf(outcome);
        await until('the load to be on', () => answersOf(outcome) > before + plan.clients);
        const leaving = fleet.shift();
        if (leaving === undefined) break;
        outcome.ends.push(await leaving.stop());
        balancer.remove(leaving.url);
        await fill();
      }
    } finally {
      clients.isOver = true;
      await load;
    }
    return outcome;
  } finally {
    balancer.close();
    await Promise.all(fleet.map((each) => each.stop()));
  }
}

/** @param {Outcome} outcome */
function answersOf({ answers }) {
  return Object.values(answers).reduce((sum, count) => sum + count, 0);
}

/**
 * @param {number} port
 * @param {{ thinkMs: number, nextRequest: () => FleetRequest }} plan
 * @param {{ isOver: boolean }} clients
 * @param {Outcome} outcome
 */
async function runClient(port, { thinkMs, nextRequest }, clients, { answers, failures }) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  while (!clients.isOver) {
    const wanted = nextRequest();
    try {
      const { status, text } = await send(port, agent, wanted);
      answers[status] = (answers[status] ?? 0) + 1;
      if (status >= 400) failures.push(`${wanted.method} ${wanted.path}: ${String(status)} ${codeOf(text)}`);
    } catch (error) {
      failures.push(`${wanted.method} ${wanted.path}: ${String(error)}`);
    }
    await sleep(thinkMs);
  }
  agent.destroy();
}

/**
 * @param {number} port
 * @param {Agent} agent
 * @param {FleetRequest} wanted
 * @returns {Promise<{ status: number, text: string }>}
 */
function send(port, agent, { method, path, headers = {}, body }) {
  return new Promise((resolve, reject) => {
    const request = sendRequest({ host: '127.0.0.1', port, method, path, headers, agent }, (answer) => {
      let text = '';
      answer.setEncoding('utf8');
      answer.on('data', (/** @type {string} */ chunk) => (text += chunk));
      answer.once('error', reject);
      answer.once('end', () => {
        resolve({ status: answer.statusCode ?? 0, text });
      });
    });
    request.once('error', reject);
    request.end(body);
  });
}

/** What the answer says of itself: the code of a problem, or its beginning. @param {string} text */
function codeOf(text) {
  return /"code":"(\w+)"/.exec(text)?.[1] ?? text.slice(0, 100);
}

/**
 * @param {string} what
 * @param {() => boolean} holds
 */
async function until(what, holds) {
  const endMs = performance.now() + NOTICED_WITHIN_MS;
  while (!holds()) {
    if (performance.now() > endMs) throw new Error(`waited in vain for ${what}`);
    await sleep(POLL_MS);
  }
}

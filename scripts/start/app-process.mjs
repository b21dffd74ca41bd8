// @ts-check
import { get } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startServiceProcess } from '../services/service-process.mjs';
import { StartError } from '../services/start-error.mjs';
import { PROJECT } from '../setup/project.mjs';
import { describeLog, rotateLog } from './log-tail.mjs';

/**
 * Starts one application process and waits until it is ready to serve.
 *
 * @param {object} options
 * @param {number} options.port
 * @param {number} options.managementPort
 * @param {string} options.role
 * @param {NodeJS.ProcessEnv} options.env
 * @param {string} options.logFile
 * @param {string} options.runDir
 * @param {(logFile: string) => void} options.onLog Called before the process writes its first line.
 * @returns {Promise<import('../services/service-process.mjs').ServiceProcess>}
 */
export async function startApplication({ port, managementPort, role, env, logFile, runDir, onLog }) {
  rotateLog(logFile);
  onLog(logFile);
  const application = await startServiceProcess({
    name: `app-${String(port)}`,
    command: process.execPath,
    args: [join(PROJECT, 'dist', 'main.js')],
    cwd: PROJECT,
    env: { ...env, PORT: String(port), MANAGEMENT_PORT: String(managementPort) },
    logFile,
    runDir,
    order: 30,
    graceMs: 30_000,
  });
  // A worker serves nothing on PORT, but its probes are on the management port.
  const probe = `http://127.0.0.1:${String(role === 'worker' ? managementPort : port)}/health/ready`;
  const deadline = Date.now() + 60_000;
  while (!(await isReady(probe))) {
    if (application.hasExited()) {
      throw new StartError(`the application stopped while starting; its log is ${logFile}`, {
        detail: describeLog(application.lastLogLines()),
      });
    }
    if (Date.now() > deadline) {
      throw new StartError(`the application was not ready after 60 s (${probe}); its log is ${logFile}`, {
        detail: describeLog(application.lastLogLines()),
      });
    }
    await sleep(50);
  }
  return application;
}

/**
 * @param {string} url
 * @returns {Promise<boolean>}
 */
function isReady(url) {
  return new Promise((resolve) => {
    const request = get(url, { agent: false, timeout: 2_000 }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    request.once('timeout', () => request.destroy());
    request.once('error', () => {
      resolve(false);
    });
  });
}

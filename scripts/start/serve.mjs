// @ts-check
import { join } from 'node:path';
import { startGuard } from '../services/guard.mjs';
import { isPortFree } from '../services/ports.mjs';
import { stopRecorded } from '../services/process-records.mjs';
import { StartError } from '../services/start-error.mjs';
import { ensureBuilt } from '../setup/build.mjs';
import { reportFailure } from '../setup/steps.mjs';
import { startApplication } from './app-process.mjs';
import { describeRunning } from './banner.mjs';
import { claimDataDirectory, layoutOf, releaseDataDirectory } from './data-directory.mjs';
import { describeLog, followLog } from './log-tail.mjs';
import { removeRuntimeFile, writeRuntimeFile } from './runtime-file.mjs';
import { loadSecrets } from './secrets.mjs';
import { seed } from './seed.mjs';
import { startServices } from './services.mjs';
import { createStopSequence, listenToStopSignals } from './stop-sequence.mjs';

/**
 * Builds, starts everything, and stays until it is told to stop or something it started ends.
 *
 * @param {import('./options.mjs').StartOptions} options
 * @param {import('../setup/steps.mjs').Steps} steps
 */
export async function serve(options, steps) {
  const layout = layoutOf(options.dataDir);
  claimDataDirectory(options.dataDir);
  const guard = startGuard({ runDir: layout.run });
  /** @type {ReturnType<typeof followLog>[]} */
  const logTails = [];

  const { isStopping, stop, force } = createStopSequence({
    runDir: layout.run,
    say: steps.say,
    finish: async (exitCode) => {
      for (const endTail of logTails) endTail({ flush: exitCode === 0 });
      await guard.release();
      removeRuntimeFile(layout);
      releaseDataDirectory(options.dataDir);
      if (exitCode === 0) steps.say('✓ stopped');
      process.exit(exitCode);
    },
  });
  listenToStopSignals({ stop: () => void stop(0), force });
  const fail = async (/** @type {unknown} */ error) => {
    // What fails because we stop is no failure.
    if (isStopping()) return;
    reportFailure(error);
    await stop(1);
  };

  try {
    await stopRecorded(layout.run, {
      log: ({ name, pid }) => {
        steps.say(`stopping ${name} (process ${String(pid)}), left behind by a start that was killed`);
      },
    });
    await checkPorts(options);
    await ensureBuilt(steps);
    const services = await startServices(options, layout, steps);
    const env = {
      NODE_ENV: 'production',
      AUDIT_SPOOL_DIR: layout.auditSpool,
      AUDIT_CHECKPOINT_DIR: layout.auditCheckpoints,
      ...process.env,
      ...loadSecrets(layout.secrets, process.env),
      ...services.env,
      ROLE: options.role,
    };
    const { newPassword } = await steps.run(
      'seeding',
      () => seed(options, env),
      ({ summary }) => summary,
    );
    const title =
      options.instances === 1 ? 'application' : `${String(options.instances)} application processes`;
    const applications = await steps.run(
      `starting the ${title}`,
      () =>
        startApplications(options, layout, env, (logFile, label) => {
          logTails.push(followLog(logFile, { label, verbose: options.verbose, print: steps.say }));
        }),
      () => `${title} ready`,
    );

    for (const { name, waitForExit, lastLogLines } of [...services.started, ...applications]) {
      void waitForExit().then(() =>
        fail(new StartError(`${name} has stopped unexpectedly`, { detail: describeLog(lastLogLines()) })),
      );
    }
    writeRuntimeFile(layout, options, env);
    steps.say(describeRunning(options, { newPassword }));
  } catch (error) {
    await fail(error);
  }
}

/**
 * @param {import('./options.mjs').StartOptions} options
 * @param {ReturnType<typeof layoutOf>} layout
 * @param {NodeJS.ProcessEnv} env
 * @param {(logFile: string, label: string) => void} follow
 */
function startApplications(options, layout, env, follow) {
  const starts = Array.from({ length: options.instances }, (_, index) => {
    const port = options.port + index;
    return startApplication({
      port,
      managementPort: options.managementPort + index,
      role: options.role,
      env,
      logFile: join(layout.logs, `app-${String(port)}.log`),
      runDir: layout.run,
      onLog: (logFile) => {
        follow(logFile, options.instances === 1 ? '' : `[${String(port)}] `);
      },
    });
  });
  return Promise.all(starts);
}

/** @param {import('./options.mjs').StartOptions} options */
async function checkPorts(options) {
  const wanted = [];
  for (let index = 0; index < options.instances; index += 1) {
    if (options.role !== 'worker') wanted.push({ name: 'PORT', port: options.port + index });
    wanted.push({ name: 'MANAGEMENT_PORT', port: options.managementPort + index });
  }
  for (const { name, port } of wanted) {
    if (!(await isPortFree(port))) {
      throw new StartError(
        `port ${String(port)} is in use: stop what listens there, or choose another ${name}`,
      );
    }
  }
}

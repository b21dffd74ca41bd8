// @ts-check
import { killRecorded, stopRecorded } from '../services/process-records.mjs';

/** npm passes on the signal that the terminal has sent already: a pair this close is one Ctrl-C. */
const SAME_KEYSTROKE_MS = 700;

/**
 * How a start ends everything it has started, and nothing else: what it recorded in `runDir`.
 *
 * @typedef {object} StopSequence
 * @property {() => boolean} isStopping
 * @property {(exitCode: number) => Promise<void>} stop In order, each with its grace; later calls do nothing.
 * @property {() => void} force Without grace; the exit code is then 1. May be repeated.
 */

/**
 * @param {object} options
 * @param {string} options.runDir
 * @param {(line: string) => void} options.say
 * @param {(exitCode: number) => Promise<void>} options.finish Called once, when nothing runs any more.
 * @returns {StopSequence}
 */
export function createStopSequence({ runDir, say, finish }) {
  let isStopping = false;
  let isForced = false;
  return {
    isStopping: () => isStopping,
    stop: async (exitCode) => {
      if (isStopping) return;
      isStopping = true;
      const log = (/** @type {{ name: string }} */ { name }) => {
        if (!isForced) say(`stopping ${name}`);
      };
      // Until nothing runs: told to stop in the middle of a start, that start may yet add a process.
      while ((await stopRecorded(runDir, { all: true, log })) > 0) if (isForced) killRecorded(runDir);
      await finish(isForced ? 1 : exitCode);
    },
    force: () => {
      if (!isForced) say('stopping at once');
      isForced = true;
      killRecorded(runDir);
    },
  };
}

/**
 * The first signal stops, each one that comes later than its echo forces.
 *
 * @param {{ stop: () => void, force: () => void }} actions
 * @param {{ on: (signal: string, listener: () => void) => unknown }} [source]
 * @param {() => number} [nowMs]
 */
export function listenToStopSignals({ stop, force }, source = process, nowMs = () => performance.now()) {
  /** @type {number | null} */
  let firstMs = null;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    source.on(signal, () => {
      if (firstMs === null) {
        firstMs = nowMs();
        stop();
      } else if (nowMs() - firstMs > SAME_KEYSTROKE_MS) force();
    });
  }
}

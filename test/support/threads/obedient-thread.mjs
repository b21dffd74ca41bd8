// A thread for the supervisor's tests: it beats, answers, and hangs, crashes or fills its memory when told to.
import { parentPort, workerData } from 'node:worker_threads';

/** @type {unknown} */
const given = workerData;
const { generation, beats, beatMs } =
  /** @type {{ generation: number, beats: SharedArrayBuffer, beatMs: number }} */ (given);
const counter = new Int32Array(beats);
Atomics.add(counter, 0, 1);
const beating = setInterval(() => Atomics.add(counter, 0, 1), beatMs);

parentPort?.on('message', (command) => {
  switch (command) {
    case 'hang':
      for (;;);
    case 'crash':
      throw new Error('a crash on demand');
    case 'fill': {
      const memory = [];
      for (;;) memory.push({ text: `x${String(memory.length)}` });
    }
    case 'stop':
      clearInterval(beating);
      parentPort?.close();
      return;
    default:
      parentPort?.postMessage({ generation, message: `${String(command)} by ${String(generation)}` });
  }
});

// @ts-check
// What only the kubelet can mend: a process that fills its memory, and one whose loop turns no more.
import { run, until } from '../../cache.mjs';
import { REPLICAS } from '../overlay.mjs';
import { processIn } from '../pods.mjs';
import { goalBooksAgree, goalNothingFailed } from './stage.mjs';
import { summaryOf } from '../crowd.mjs';

/** 30 s until the liveness probe gives up, 10 s until SIGKILL, and a start; 73 s with the grace of a drain. */
const HUNG_SECONDS_MAX = 65;

/**
 * Runs in the network of the pod: Node's inspector, which SIGUSR1 opens on its loopback, makes the process itself keep
 * more and more memory outside of its heap, as a leak does, until the kernel ends it.
 */
const LEAK = `
const [{ webSocketDebuggerUrl }] = await (await fetch('http://127.0.0.1:9229/json')).json();
const socket = new WebSocket(webSocketDebuggerUrl);
socket.onopen = () => socket.send(JSON.stringify({ id: 1, method: 'Runtime.evaluate', params: { expression:
  'globalThis.leak = []; setInterval(() => leak.push(Buffer.alloc(8 << 20, 1)), 50); 0' } }));
socket.onmessage = () => process.exit(0);
socket.onerror = () => process.exit(1);`;

/** @param {import('./stage.mjs').Stage} stage */
export async function exhaustMemory(stage) {
  const { installation, crowd, rehearsal } = stage;
  const [pod] = await installation.pods.whenReady(REPLICAS);
  if (pod === undefined) return;
  const { result, visits } = await crowd.during(async () => {
    const pid = processIn(pod);
    const startedMs = performance.now();
    process.kill(pid, 'SIGUSR1');
    await until('the inspector', 20_000, async () => {
      await run('nsenter', [
        `--net=/proc/${String(pid)}/ns/net`,
        process.execPath,
        '--input-type=module',
        '--eval',
        LEAK,
      ]);
      return true;
    });
    const back = await installation.pods.whenRestarted(pod);
    return { back, seconds: (performance.now() - startedMs) / 1000 };
  }, 20);
  const { back, seconds } = result;
  rehearsal.goal(
    back.lastEnd.startsWith('OOMKilled'),
    `memory exhausted: ${pod.name} ended with ${back.lastEnd} and is ready again after ${seconds.toFixed(0)} s`,
  );
  goalNothingFailed(stage, 'memory exhausted', visits, { all: false });
  await goalBooksAgree(stage, 'after the memory was exhausted');
}

/** @param {import('./stage.mjs').Stage} stage */
export async function hangLoop(stage) {
  const { installation, crowd, rehearsal } = stage;
  const [pod] = await installation.pods.whenReady(REPLICAS);
  if (pod === undefined) return;
  const { result, visits } = await crowd.during(async () => {
    const startedMs = performance.now();
    const since = () => (performance.now() - startedMs) / 1000;
    process.kill(processIn(pod), 'SIGSTOP');
    await until(
      'the pod to be taken out of service',
      60_000,
      async () => !(await installation.pods.get(pod.name)).isReady,
    );
    const outAfter = since();
    await installation.pods.whenRestarted(pod);
    return { outAfter, backAfter: since() };
  }, 20);
  rehearsal.goal(
    result.backAfter <= HUNG_SECONDS_MAX,
    `the loop hangs: out of service after ${result.outAfter.toFixed(0)} s, restarted and ready after ${result.backAfter.toFixed(0)} s (at most ${String(HUNG_SECONDS_MAX)})`,
  );
  rehearsal.say(`  meanwhile: ${String(visits.length)} requests: ${summaryOf(visits)}`);
  await goalBooksAgree(stage, 'after the hang');
}

import { Cluster, type Redis } from 'ioredis';
import { once } from 'node:events';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
// Not through its front door, which would load Nest into every thread.
import { openClient } from '../../infrastructure/redis/redis-connection.js';
import { RedisSessionNode } from './redis-session-node.js';
import type {
  Envelope,
  MonitorCommand,
  MonitorMessage,
  RunReport,
  ScanBudget,
  WorkerSetup,
} from './session-monitor.protocol.js';
import { scanSessions } from './session-scan.js';
import { lowerThreadPriority } from './thread-priority.js';

const READY_DEADLINE_MS = 5000;
const LOOP_RESOLUTION_MS = 10;
const NANOSECONDS_PER_MS = 1e6;

const setup = workerData as WorkerSetup;
const port = parentPort;
if (port === null) throw new Error('this file is the entry of a thread');

lowerThreadPriority(setup.nice);

const beats = new Int32Array(setup.beats);
const beating = setInterval(() => Atomics.add(beats, 0, 1), setup.beatMs);
Atomics.add(beats, 0, 1);

const client = openClient(setup.target, {
  name: 'caudal-session-monitor',
  deadlineMs: setup.commandDeadlineMs,
});
// The connection is made again by itself; a run that needs it says why it failed.
client.on('error', () => undefined);

const stopping = new AbortController();
let running: Promise<void> | null = null;

port.on('message', (command: MonitorCommand) => {
  switch (command.kind) {
    case 'run':
      running ??= run(command.runId, command.budget).finally(() => {
        running = null;
      });
      return;
    case 'stop':
      stopping.abort();
      void Promise.resolve(running).then(() => {
        clearInterval(beating);
        client.disconnect();
        port.close();
      });
  }
});

async function run(runId: number, budget: ScanBudget): Promise<void> {
  try {
    send({ kind: 'finished', runId, report: await measure(budget) });
  } catch (error) {
    send({ kind: 'failed', runId, reason: error instanceof Error ? error.message : String(error) });
  }
}

async function measure(budget: ScanBudget): Promise<RunReport> {
  if (client.status !== 'ready')
    await once(client, 'ready', {
      signal: AbortSignal.any([stopping.signal, AbortSignal.timeout(READY_DEADLINE_MS)]),
    });
  const loop = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS });
  loop.enable();
  try {
    const report = await scanSessions(nodesOf(client), {
      budget,
      signal: stopping.signal,
      pause: (ms, signal) => pause(ms, undefined, { signal }),
      monotonicMs: () => performance.now(),
    });
    const p99Ms = loop.count === 0 ? 0 : loop.percentile(99) / NANOSECONDS_PER_MS - LOOP_RESOLUTION_MS;
    return { ...report, loopDelayP99Ms: Math.max(0, Math.round(p99Ms)) };
  } finally {
    loop.disable();
  }
}

function nodesOf(connection: Redis | Cluster): RedisSessionNode[] {
  const masters = connection instanceof Cluster ? connection.nodes('master') : [connection];
  return masters.map((master) => new RedisSessionNode(master));
}

function send(message: MonitorMessage): void {
  port?.postMessage({ generation: setup.generation, message } satisfies Envelope<MonitorMessage>);
}

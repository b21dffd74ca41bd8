import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  processStartTime,
  readProcessRecords,
  signalProcess,
} from '../../scripts/services/process-records.mjs';
import { startRedis } from '../../scripts/services/redis.mjs';
import { getSharedServices } from '../support/services/shared-services.js';
import { waitFor } from '../support/wait-for.js';

const scripts = join(import.meta.dirname, '../../scripts/services');

describe('the processes a script starts', () => {
  const { redisServer } = getSharedServices();
  let dir: string;

  /** Runs a script that starts a Redis in `dir`, prints its port, and waits to be killed. */
  const startElsewhere = async (withGuard: boolean) => {
    const program = `
      const { startRedis } = await import(${JSON.stringify(join(scripts, 'redis.mjs'))});
      const { startGuard } = await import(${JSON.stringify(join(scripts, 'guard.mjs'))});
      if (${String(withGuard)}) startGuard({ runDir: ${JSON.stringify(join(dir, 'run'))} });
      const redis = await startRedis({ dir: ${JSON.stringify(dir)}, server: ${JSON.stringify(redisServer)} });
      console.log(redis.port);
      setInterval(() => {}, 1000);
    `;
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    const [record] = readProcessRecords(join(dir, 'run'));
    if (record === undefined) throw new Error('the started server is not recorded');
    return { child, serverPid: record.pid };
  };

  const waitUntilGone = async (pid: number): Promise<void> => {
    const deadline = Date.now() + 10_000;
    while (processStartTime(pid) !== null) {
      if (Date.now() > deadline) throw new Error(`process ${String(pid)} still runs`);
      await sleep(20);
    }
  };

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'caudal-processes-'));
  });

  afterEach(() => {
    rmSync(dir, { recursive: true, force: true });
  });

  it('are stopped by the guard when the script is killed', async () => {
    const { child, serverPid } = await startElsewhere(true);
    child.kill('SIGKILL');
    await waitUntilGone(serverPid);
  });

  it('are stopped by the next start when there was no guard', async () => {
    const { child, serverPid } = await startElsewhere(false);
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(processStartTime(serverPid)).not.toBeNull();

    const log: string[] = [];
    const redis = await startRedis({ dir, server: redisServer, log: (line) => log.push(line) });
    expect(processStartTime(serverPid)).toBeNull();
    expect(log).toEqual([expect.stringContaining('left behind')]);
    await redis.stop();
  });

  it('are not taken from a script that lives', async () => {
    const { child, serverPid } = await startElsewhere(true);
    await expect(startRedis({ dir, server: redisServer })).rejects.toThrow(
      `in use by process ${String(child.pid)}`,
    );
    child.kill('SIGKILL');
    await waitUntilGone(serverPid);
  });

  describe('when the script is told to stop', () => {
    /** A script that starts a process which ignores SIGTERM, and one that does not, and stops them as `npm start` does. */
    const startStubborn = async (name: string) => {
      const runDir = join(dir, name);
      const program = `
        const { startServiceProcess } = await import(${JSON.stringify(join(scripts, 'service-process.mjs'))});
        const { createStopSequence, listenToStopSignals } = await import(${JSON.stringify(join(scripts, '../start/stop-sequence.mjs'))});
        const { stop, force } = createStopSequence({
          runDir: ${JSON.stringify(runDir)},
          say: (line) => console.log(line),
          finish: async (code) => process.exit(code),
        });
        listenToStopSignals({ stop: () => void stop(0), force });
        const start = (name, order, listeners) => startServiceProcess({
          name, order, command: process.execPath, runDir: ${JSON.stringify(runDir)}, graceMs: 600_000,
          args: ['-e', listeners + 'console.log("on"); setInterval(() => {}, 1000)'],
          logFile: ${JSON.stringify(runDir)} + '/' + name + '.log',
        });
        const started = [
          await start('stubborn', 30, 'process.on("SIGTERM", () => {}); '),
          await start('willing', 10, ''),
        ];
        while (started.some(({ lastLogLines }) => lastLogLines() === '')) await new Promise((go) => setTimeout(go, 10));
        console.log('started');
        setInterval(() => {}, 1000);
      `;
      const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let output = '';
      child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
      await waitFor('the processes', () => output.includes('started'));
      return { child, runDir, pids: readProcessRecords(runDir).map(({ pid }) => pid), output: () => output };
    };

    it('wait for their end; told again, all of them end at once, and no process of anybody else', async () => {
      const [mine, other] = [await startStubborn('mine'), await startStubborn('other')];
      expect(mine.pids).toHaveLength(2);
      // Its process has ended and the number was given to another one since.
      const stale = { ...readProcessRecords(other.runDir)[0], name: 'stale', startedAt: '1' };
      writeFileSync(join(mine.runDir, 'stale.json'), JSON.stringify(stale));
      try {
        mine.child.kill('SIGINT');
        await waitFor('the first signal', () => mine.output().includes('stopping stubborn'));
        expect(mine.pids.map(processStartTime)).not.toContain(null);
        const exit = once(mine.child, 'exit');
        await waitFor('the end', () => {
          mine.child.kill('SIGINT');
          return mine.child.exitCode !== null;
        });
        expect((await exit)[0]).toBe(1);
        expect(mine.output()).toContain('stopping at once');
        expect(mine.pids.map(processStartTime)).toEqual([null, null]);
        expect(other.pids.map(processStartTime)).not.toContain(null);
        expect(other.child.exitCode).toBeNull();
      } finally {
        other.child.kill('SIGKILL');
        for (const pid of [...other.pids, ...mine.pids]) signalProcess(pid, 'SIGKILL');
      }
    });
  });
});

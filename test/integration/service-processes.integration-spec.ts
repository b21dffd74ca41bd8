import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { processStartTime, readProcessRecords } from '../../scripts/services/process-records.mjs';
import { startRedis } from '../../scripts/services/redis.mjs';
import { getSharedServices } from '../support/services/shared-services.js';

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
});

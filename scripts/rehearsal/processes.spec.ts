import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { processStartTime } from '../services/process-records.mjs';
import { waitFor } from '../../test/support/wait-for.js';

const DEADLINE_MS = 30_000;
const MODULE = join(import.meta.dirname, 'processes.mjs');

describe('the programs of a rehearsal', () => {
  it('end with it after a kill -9, and what they have written is taken away', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'caudal-processes-'));
    writeFileSync(join(directory, 'data'), '');
    const rehearsal = spawn(process.execPath, [
      '--input-type=module',
      '--eval',
      `import { Processes } from ${JSON.stringify(MODULE)};
       const { child } = new Processes(${JSON.stringify(directory)}, [${JSON.stringify(directory)}]).start('sleeper', 'sleep', ['600']);
       console.log(child.pid);`,
    ]);
    const [line] = (await once(rehearsal.stdout.setEncoding('utf8'), 'data')) as [string];
    const sleeper = Number(line);
    expect(processStartTime(sleeper)).not.toBeNull();
    rehearsal.kill('SIGKILL');
    await waitFor('its end', () => processStartTime(sleeper) === null && !existsSync(directory), DEADLINE_MS);
  });
});

import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '../../test/support/temporary-folder.js';
import { describeLog, followLog } from './log-tail.mjs';

describe('the log on the terminal', () => {
  let directory: string;

  beforeEach(() => {
    directory = temporaryFolder('caudal-log');
  });

  it('shows warnings, errors and what is no log entry, from now on', () => {
    const path = join(directory, 'app.log');
    writeFileSync(path, '{"level":"error","msg":"before"}\n');
    const shown: string[] = [];
    const stop = followLog(path, { label: '[1] ', verbose: false, print: (line) => shown.push(line) });
    appendFileSync(path, '{"level":"info","msg":"quiet"}\n{"level":40,"msg":"numeric","reason":"slow"}\n');
    appendFileSync(
      path,
      '{"level":"error","msg":"named","err":{"message":"broken"}}\nSegmentation fault\nhalf a li',
    );
    stop({ flush: true });
    expect(shown).toEqual(['[1] warn numeric: slow', '[1] error named: broken', '[1] Segmentation fault']);
  });

  it('shows every line as it is when asked for everything', () => {
    const path = join(directory, 'app.log');
    const shown: string[] = [];
    const stop = followLog(path, { label: '', verbose: true, print: (line) => shown.push(line) });
    appendFileSync(path, '{"level":"info","msg":"quiet"}\n');
    stop({ flush: true });
    expect(shown).toEqual(['{"level":"info","msg":"quiet"}']);
  });

  it('words the end of a process by its errors, or by its last lines when it had none', () => {
    expect(describeLog('{"level":"info","msg":"a"}\n{"level":"fatal","msg":"b"}')).toBe('fatal b');
    expect(describeLog('{"level":"info","msg":"a"}')).toBe('{"level":"info","msg":"a"}');
  });
});

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const SCRIPT = fileURLToPath(new URL('../capacity.mjs', import.meta.url));

function run(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [SCRIPT, ...args], { encoding: 'utf8' });
  return { status, stdout, errors: stderr };
}

describe('npm run capacity', () => {
  it('prints what a load takes and for how long a step is felt', () => {
    const { status, stdout } = run('--rps', '2000000', '--users', '1000000', '--step');
    expect(status).toBe(0);
    for (const part of ['Pods  ', 'vCPU  ', 'PgBouncer  ', 'PostgreSQL ', 'Redis  ', 'Saturates first: '])
      expect(stdout).toContain(`\n${part}`);
    expect(stdout).toMatch(/10 warm pods: users see 503 for \d+ s/);
    expect(stdout).toMatch(/Nobody sees 503 from \d+ warm pods on/);
  });

  it('says so when the maximum of pods is not enough', () => {
    const { status, stdout } = run('--rps', '5000000', '--step');
    expect(status).toBe(0);
    expect(stdout).toContain('200 pods are not enough');
    expect(stdout).toContain('No number of warm pods up to 200 is enough');
  });

  it.each([
    [['--rps', 'many'], '--rps=many is not a number from 1 to 1000000000\n'],
    [['--reads', '10'], '--reads, --sold-out and --orders are 30 % together, not 100\n'],
    [['--step', '--warm', '300'], '--warm=300 is more than the maximum of 200 pods\n'],
    [['--fast'], "Unknown option '--fast'\n"],
  ])('refuses %j in one line and with exit code 2', (args, line) => {
    expect(run(...args)).toEqual({ status: 2, stdout: '', errors: line });
  });
});

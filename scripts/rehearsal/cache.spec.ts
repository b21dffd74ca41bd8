import { spawn } from 'node:child_process';
import { once } from 'node:events';

const HELPERS = new URL('cache.mjs', import.meta.url).href;

/** Runs a rehearsal of its own process; `signal` is sent once it has said "begun". */
async function rehearsing(
  body: string,
  { deadlineMs = 60_000, signal }: { deadlineMs?: number; signal?: NodeJS.Signals } = {},
) {
  const script = `
    import { Unavailable, rehearse, run, until } from ${JSON.stringify(HELPERS)};
    await rehearse('trial', { deadlineMs: ${String(deadlineMs)} }, async ({ say, goal, leftOut, later }) => {
      later(async () => say(await run('echo', ['cleaned', 'up'])));
      say('begun');
      ${body}
    });`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    output += chunk;
    if (signal !== undefined && chunk.includes('begun')) child.kill(signal);
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, output };
}

describe('rehearse', () => {
  it('ends with 0 when every goal was met, and with 1 when one was missed', async () => {
    const met = await rehearsing(`goal(true, 'one');`);
    const missed = await rehearsing(`goal(true, 'one'); goal(false, 'two');`);
    expect([met.code, missed.code]).toEqual([0, 1]);
    expect(met.output).toContain('every goal met (1)');
    expect(missed.output).toContain('1 of 2 goals missed');
  });

  it('ends with 69 and one line when it cannot be run', async () => {
    const { code, output } = await rehearsing(`throw new Unavailable('no engine');`);
    expect(code).toBe(69);
    expect(output).toContain('left out: trial (no engine)');
  });

  it.each([
    ['Ctrl-C', 'SIGINT', 60_000],
    ['SIGTERM', 'SIGTERM', 60_000],
    ['the deadline', undefined, 1_000],
  ] as const)('takes down what it started on %s', async (_name, signal, deadlineMs) => {
    const marker = `86${String(process.pid)}`;
    const { code, output } = await rehearsing(`await run('sleep', ['${marker}']);`, {
      deadlineMs,
      ...(signal !== undefined && { signal }),
    });
    expect(code).toBe(1);
    expect(output).toContain('cleaned up');
    const left = spawn('pgrep', ['-fx', `sleep ${marker}`]);
    await expect(once(left, 'close')).resolves.toEqual([1, null]);
  });

  it('cleans up after an error, and shows the error', async () => {
    const { code, output } = await rehearsing(`await run('sh', ['-c', 'echo broken >&2; exit 3']);`);
    expect(code).toBe(1);
    expect(output).toMatch(/exit 3\nbroken[\s\S]*cleaned up/);
  });

  it('waits until the answer is there, or says what it waited for', async () => {
    const { code, output } = await rehearsing(
      `let asked = 0; await until('three', 60_000, () => ++asked === 3, 1); goal(asked === 3, 'three'); await until('never', 20, () => false, 1);`,
    );
    expect(code).toBe(1);
    expect(output).toContain('✓ three');
    expect(output).toContain('never: not within 0.02 s');
  });
});

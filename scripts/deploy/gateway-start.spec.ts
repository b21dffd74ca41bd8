import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fakePrograms } from '../../test/support/shell-script.js';
import { temporaryFolder } from '../../test/support/temporary-folder.js';
import { waitFor } from '../../test/support/wait-for.js';

const SCRIPT = join(import.meta.dirname, '../../deployment/docker/nginx/start.sh');
const UPSTREAMS = `
server app-1-blue:3000 max_conns=1000;
server app-2-blue:3000 max_conns=1000;
# server nobody:3000;
server app-1-blue:3000 backup;
`;
/** Counts the looks; a name without a file has no address. */
const GETENT = `
echo "$2" >>"$FAKE/looks"
cat "$FAKE/$2" 2>/dev/null`;
/** Takes no configuration while \`refuses\` is there. As the server it lasts until it is told to end. */
const NGINX = `
echo "$*" >>"$FAKE/nginx.log"
case "$*" in
  -t) [ ! -e "$FAKE/refuses" ] || { echo '[emerg] host not found in upstream' >&2; exit 1; } ;;
  -g*) while [ ! -e "$FAKE/end" ]; do sleep 0.02; done ;;
esac`;

describe('start.sh of the gateway', () => {
  let programs: ReturnType<typeof fakePrograms>;
  let script: ChildProcess;
  let errors: string;

  const file = (name: string) => join(programs.folder, name);
  const lines = (name: string) =>
    existsSync(file(name)) ? readFileSync(file(name), 'utf8').trim().split('\n') : [];
  const address = (name: string, ...addresses: string[]) => {
    writeFileSync(file(name), addresses.map((each) => `${each} STREAM ${name}\n`).join(''));
  };
  const reloads = () => lines('nginx.log').filter((line) => line === '-s reload').length;
  /** Until it has looked twice, once of it surely from the beginning. */
  const nextLooks = async () => {
    const before = lines('looks').length;
    await waitFor('two more looks', () => lines('looks').length >= before + 4);
  };

  beforeEach(async () => {
    programs = fakePrograms({ getent: GETENT, nginx: NGINX });
    const folder = temporaryFolder('gateway-start');
    copyFileSync(SCRIPT, join(folder, 'start.sh'));
    writeFileSync(join(folder, 'upstreams.conf'), UPSTREAMS);
    address('app-1-blue', '10.0.0.1');
    address('app-2-blue', '10.0.0.2', '10.0.0.3');
    errors = '';
    script = spawn('sh', [join(folder, 'start.sh')], {
      env: { PATH: programs.PATH, TMPDIR: folder, ADDRESS_INTERVAL: '0.05' },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    script.stderr?.on('data', (chunk: Buffer) => (errors += chunk.toString()));
    await waitFor('nginx', () => lines('nginx.log').length > 0);
  });

  afterEach(async () => {
    const closed = once(script, 'close');
    writeFileSync(file('end'), '');
    // Both ends of it: what follows the addresses ends with nginx.
    await closed;
  });

  it('becomes nginx, asks for every name once a look, and reloads nothing as long as nothing changes', async () => {
    await nextLooks();
    address('app-2-blue', '10.0.0.3', '10.0.0.2');
    await nextLooks();
    expect(lines('nginx.log')).toEqual(['-g daemon off;']);
    expect(new Set(lines('looks'))).toEqual(new Set(['app-1-blue', 'app-2-blue']));
  });

  it('reloads once when two names have changed addresses with each other', async () => {
    address('app-1-blue', '10.0.0.2', '10.0.0.3');
    address('app-2-blue', '10.0.0.1');
    await waitFor('a reload', () => errors.includes('app-2-blue'));
    const afterSwap = reloads();
    await nextLooks();
    expect(reloads()).toBe(afterSwap);
    expect(errors).toContain('start.sh: reloaded: other addresses of ');
  });

  it('keeps the address of a process that is away, and reloads when it is back with another', async () => {
    rmSync(file('app-1-blue'));
    await nextLooks();
    address('app-1-blue', '10.0.0.1');
    await nextLooks();
    expect(reloads()).toBe(0);
    rmSync(file('app-1-blue'));
    await nextLooks();
    address('app-1-blue', '10.0.0.9');
    await waitFor('a reload', () => reloads() === 1);
    expect(errors).toContain('app-1-blue');
  });

  it('tries until nginx takes the reload, and says why it did not only once', async () => {
    writeFileSync(file('refuses'), '');
    address('app-1-blue', '10.0.0.9');
    await waitFor('attempts', () => lines('nginx.log').filter((line) => line === '-t').length >= 3);
    expect(reloads()).toBe(0);
    rmSync(file('refuses'));
    await waitFor('a reload', () => reloads() === 1);
    await waitFor('the news', () => errors.includes('reloaded: other addresses of app-1-blue'));
    expect(errors.match(/not reloaded.*app-1-blue.*host not found/g)).toHaveLength(1);
  });

  it('takes a name that a deployment adds as it is', async () => {
    address('app-1-green', '10.0.0.7');
    const folder = join(script.spawnargs[1] ?? '', '..');
    writeFileSync(join(folder, 'upstreams.conf'), 'server app-1-green:3000;\n');
    await waitFor('a look', () => lines('looks').includes('app-1-green'));
    await waitFor('another look', () => lines('looks').filter((name) => name === 'app-1-green').length > 2);
    expect(reloads()).toBe(0);
    address('app-1-green', '10.0.0.8');
    await waitFor('a reload', () => reloads() === 1);
  });
});

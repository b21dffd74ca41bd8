import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fakePrograms, killAt, NOTE, runScript } from '../../test/support/shell-script.js';
import { temporaryFolder } from '../../test/support/temporary-folder.js';
import { waitFor } from '../../test/support/wait-for.js';

const PROJECT = join(import.meta.dirname, '../..');
const UPSTREAMS = 'deployment/docker/nginx/upstreams.conf';

/**
 * An engine with a stack: a file of its containers ("service colour image id"), and a log of what was changed. What is to
 * go wrong is a file of that name; what is to be waited for is a file "hold", in which a step is named.
 */
const DOCKER = `${NOTE}
column() { awk -v id="$1" -v n="$2" '$4 == id { print $n }' "$FAKE/containers"; }
case "$*" in
  info) ;;
  'compose config'*) printf '{\\n  "name": "shop",\\n}\\n' ;;
  'compose run'*) note "migrate $CAUDAL_IMAGE"; echo 'applied 1 migration(s)'; [ ! -e "$FAKE/migration-fails" ] ;;
  'compose up'*)
    note "up $CAUDAL_IMAGE $CAUDAL_COLOUR"
    for service in app-1 app-2 app-3 worker; do
      echo "$service $CAUDAL_COLOUR $CAUDAL_IMAGE $service-$CAUDAL_COLOUR" >>"$FAKE/containers"
    done ;;
  'image inspect --format'*) echo "id-of-$5" ;;
  'image inspect'*) [ ! -e "$FAKE/no-image" ] ;;
  pull*) exit 1 ;;
  'ps --all'*)
    wanted=$(echo "$*" | sed -n 's/.*caudal.colour=\\([a-z]*\\).*/\\1/p')
    service=$(echo "$*" | sed -n 's/.*compose.service=\\([a-z0-9-]*\\).*/\\1/p')
    case "$*" in *status=running*) echo 'nginx gateway' ;; esac
    awk -v c="$wanted" -v s="$service" '(c == "" || $2 == c) && (s == "" || $1 == s) { print $1, $4 }' "$FAKE/containers" ;;
  'inspect --format {{.Config.Image}}'*) column "$4" 3 ;;
  'inspect --format {{.Image}}'*) echo "id-of-$(column "$4" 3)" ;;
  'inspect --format {{.State.Status}}'*)
    case "$4" in *"$(cat "$FAKE/unwell" 2>/dev/null || echo nothing)"*) cat "$FAKE/state" ;; *) echo 'running healthy 0' ;; esac ;;
  logs*) echo 'a line of its log' ;;
  'exec gateway nginx -t') [ ! -e "$FAKE/nginx-refuses" ] || { echo 'nginx: [emerg] host not found'; exit 1; } ;;
  'exec gateway nginx -s reload') note "reload $(sed -n 's/^server app-1-\\([a-z]*\\):.*backup.*/\\1/p' ${UPSTREAMS})"
    echo $(($(cat "$FAKE/worker" 2>/dev/null || echo 1) + 1)) >"$FAKE/worker" ;;
  'exec gateway sh -c cd /proc'*) echo "active $(cat "$FAKE/worker" 2>/dev/null || echo 1)" ;;
  'exec -i gateway sh -s -- '*)
    case "$(sed -n 2p)" in
      *journey*) note "smoke $7 \${8:-}"; [ ! -e "$FAKE/smoke-fails" ] || { echo 'smoke: catalogue: answered 500'; exit 1; } ;;
      *) note "watch $7 $9"; [ ! -e "$FAKE/watch-fails" ] || { echo 'watch-health: 3 failures in a row'; exit 1; } ;;
    esac ;;
  stop*|'rm --force'*) note "$*"; for id in "$@"; do sed -i "/ $id\\$/d" "$FAKE/containers"; done ;;
  'run --rm'*) [ ! -e "$FAKE/spooled" ] || echo x.spool ;;
  *) echo "unexpected: $*" >>"$FAKE/log"; exit 9 ;;
esac`;

/** A deployment is a hundred small programs. */
const PATIENCE_MS = 40_000;
const OLD = 'caudal:1';
const NEW = 'caudal:2';
const SERVICES = ['app-1', 'app-2', 'app-3', 'worker'];
const ids = (colour: string): string => SERVICES.map((service) => `${service}-${colour}`).join(' ');

/** An installation of its own in which blue runs the old image. */
function install() {
  const directory = temporaryFolder('installation');
  mkdirSync(join(directory, 'deployment/docker'), { recursive: true });
  for (const path of ['deployment/scripts', 'deployment/docker/nginx'])
    cpSync(join(PROJECT, path), join(directory, path), { recursive: true });
  writeFileSync(join(directory, '.env'), `LOG_LEVEL=info\nCAUDAL_IMAGE=${OLD}\n`);
  const { folder, PATH } = fakePrograms({ docker: DOCKER });
  const fault = (name: string, text = '') => {
    writeFileSync(join(folder, name), text);
  };
  fault('containers', SERVICES.map((service) => `${service} blue ${OLD} ${service}-blue\n`).join(''));
  const read = (path: string) => (existsSync(path) ? readFileSync(path, 'utf8') : '');
  return {
    directory,
    folder,
    PATH,
    fault,
    deploy: (...args: string[]) => runScript('deploy.sh', args, { PATH }, directory),
    log: () => read(join(folder, 'log')).trim().split('\n'),
    containers: () =>
      read(join(folder, 'containers'))
        .trim()
        .split('\n')
        .map((line) => line.split(' ')[3] ?? ''),
    colours: () =>
      [...read(join(directory, UPSTREAMS)).matchAll(/^server app-\d-(\w+):3000 /gm)].map(([, c]) => c),
    settings: () => read(join(directory, '.env')).trim().split('\n'),
    left: () => read(join(directory, '.deployment/deploy')),
  };
}

const BLUE_RUNS = { colours: Array<string>(6).fill('blue'), containers: ids('blue').split(' ') };
const GREEN_RUNS = { colours: Array<string>(6).fill('green'), containers: ids('green').split(' ') };
const stateOf = (host: ReturnType<typeof install>) => ({
  colours: host.colours(),
  containers: host.containers(),
});

describe('deploy.sh', () => {
  it('migrates, starts, tests, switches, watches and removes, in that order', async () => {
    const host = install();
    const { code, out, errors } = await host.deploy(NEW, '--watch', '7');
    expect([code, errors]).toEqual([0, '']);
    expect(out).toMatch(/✓ caudal:2 runs \(green\)\n$/);
    const log = host.log();
    const watches = log.filter((line) => line.startsWith('watch')).sort();
    expect(log.filter((line) => !line.startsWith('watch'))).toEqual([
      `migrate ${NEW}`,
      `up ${NEW} green`,
      'smoke http://app-1-green:3000 --no-payment',
      'reload green',
      `stop ${ids('blue')}`,
      `rm --force ${ids('blue')}`,
    ]);
    expect(log.indexOf('reload green')).toBeLessThan(log.findIndex((line) => line.startsWith('watch')));
    expect(watches).toEqual(['app-1', 'app-2', 'app-3'].map((name) => `watch http://${name}-green:3000 7`));
    expect(stateOf(host)).toEqual(GREEN_RUNS);
    expect(host.settings()).toEqual(['LOG_LEVEL=info', `CAUDAL_IMAGE=${NEW}`, 'CAUDAL_COLOUR=green']);
    expect(host.left()).toBe('');
  });

  it('leaves the image that runs alone, and goes on with the other colour from there', async () => {
    const host = install();
    const same = await host.deploy(OLD);
    expect([same.code, same.out]).toEqual([
      0,
      expect.stringContaining('caudal:1 runs already (blue): nothing to do'),
    ]);
    expect(host.log()).toEqual(['']);
    expect((await host.deploy(NEW, '--watch', '0')).code).toBe(0);
    expect((await host.deploy(OLD, '--watch', '0')).code).toBe(0);
    expect(stateOf(host)).toEqual(BLUE_RUNS);
    expect(host.settings()).toContain(`CAUDAL_IMAGE=${OLD}`);
  });

  it.each([
    ['there is no such image', { 'no-image': '' }, 'deploy: there is no image caudal:2\n'],
    [
      'migrations fail',
      { 'migration-fails': '' },
      'deploy: the migrations have failed, and nothing has changed: ',
    ],
    [
      'a process ends by itself',
      { unwell: 'app-2-green', state: 'restarting unhealthy 2' },
      'app-2 ends by itself: a line',
    ],
    [
      'the worker is unhealthy',
      { unwell: 'worker-green', state: 'running unhealthy 0' },
      'within 1 s: worker is running unhealthy after 0 restarts\n',
    ],
    [
      'it never becomes ready',
      { unwell: 'app-3-green', state: 'running starting 0' },
      'deploy: not healthy within 1 s: app-3 is running starting after 0 restarts\n',
    ],
    ['it fails the smoke test', { 'smoke-fails': '' }, 'deploy: smoke: catalogue: answered 500\n'],
    [
      'nginx does not take it',
      { 'nginx-refuses': '' },
      'deploy: nginx does not take it: nginx: [emerg] host not found\n',
    ],
    ['it is unwell while watched', { 'watch-fails': '' }, 'app-1: watch-health: 3 failures in a row\n'],
  ])('takes everything back when %s', async (_what, faults: Record<string, string>, why) => {
    const host = install();
    const settings = host.settings();
    for (const [name, text] of Object.entries(faults)) host.fault(name, text);
    const { code, errors } = await host.deploy(NEW, '--timeout', '1', '--watch', '1');
    expect(code).toBe(1);
    expect(errors.replaceAll(/app-[23]: watch/g, 'app-1: watch')).toContain(why);
    expect(stateOf(host)).toEqual(BLUE_RUNS);
    expect(host.settings().filter((line) => !line.startsWith('CAUDAL_COLOUR'))).toEqual(settings);
    expect(host.left()).toBe('');
    const reloads = host.log().filter((line) => line.startsWith('reload'));
    expect(reloads.at(-1) ?? 'reload blue').toBe('reload blue');
  });

  it('changes nothing in a dry run, but says what it would do', async () => {
    const host = install();
    const before = [stateOf(host), host.settings()];
    const { code, out } = await host.deploy(NEW, '--dry-run', '--url', 'https://shop.example.com');
    expect(code).toBe(0);
    for (const part of [
      'run --rm --no-deps -T prestart migrate',
      'up --detach',
      'nginx -t',
      'docker stop app-1-blue',
    ])
      expect(out).toContain(part);
    expect([stateOf(host), host.settings()]).toEqual(before);
    expect(host.log()).toEqual(['']);
    expect(existsSync(join(host.directory, '.deployment'))).toBe(false);
  });

  it.each(['migrate', 'up', 'smoke', 'reload', 'watch', 'stop'])(
    'goes on after a kill -9 in the step %s, and gives way to nobody meanwhile',
    async (step) => {
      const host = install();
      await killAt(host, step, 'deploy.sh', [NEW, '--watch', '0'], PATIENCE_MS);
      const { code, out, errors } = await host.deploy(NEW, '--watch', '0');
      expect([code, errors]).toEqual([0, '']);
      expect(out).toContain(step === 'migrate' ? 'has the traffic' : 'was cut off');
      expect(stateOf(host)).toEqual(GREEN_RUNS);
      expect(host.settings()).toContain(`CAUDAL_IMAGE=${NEW}`);
      expect(host.left()).toBe('');
    },
  );

  it.each(['up', 'smoke', 'watch'])(
    'takes back with --abort what a kill -9 in the step %s has left',
    async (step) => {
      const host = install();
      await killAt(host, step, 'deploy.sh', [NEW, '--watch', '0'], PATIENCE_MS);
      const { code, out } = await host.deploy('--abort');
      expect([code, out]).toEqual([0, expect.stringContaining(`${OLD} runs (blue)`)]);
      expect(stateOf(host)).toEqual(BLUE_RUNS);
      expect(host.settings()).toContain(`CAUDAL_IMAGE=${OLD}`);
      expect(
        host
          .log()
          .filter((line) => line.startsWith('reload'))
          .at(-1),
      ).toBe('reload blue');
    },
  );

  it('refuses a second one at once, and what is no image', async () => {
    const host = install();
    host.fault('hold', 'smoke');
    const first = host.deploy(NEW, '--watch', '0');
    await waitFor('the smoke test', () => existsSync(join(host.folder, 'held')), PATIENCE_MS);
    expect(await host.deploy(NEW)).toMatchObject({
      code: 1,
      errors: 'deploy: another deploy.sh is at work\n',
    });
    host.fault('hold');
    expect((await first).code).toBe(0);
    for (const args of [[], ['a b'], ['a', 'b'], ['--abort', 'a'], ['a', '--watch', 'x']])
      expect((await host.deploy(...args)).code).toBe(2);
  });

  it('says where audit events wait that the old colour could not hand on', async () => {
    const host = install();
    host.fault('spooled');
    const { errors } = await host.deploy(NEW, '--watch', '0');
    expect(errors).toContain('audit events wait in the volume shop_spool-app-1-blue');
  });
});

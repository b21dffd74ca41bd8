import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fakePrograms, runScript } from '../../test/support/shell-script.js';
import { temporaryFolder } from '../../test/support/temporary-folder.js';

const FOLDER = join(import.meta.dirname, '../../deployment/scripts');
/** Not those that others only read. */
const SCRIPTS = readdirSync(FOLDER).filter(
  (name) => name.endsWith('.sh') && readFileSync(join(FOLDER, name), 'utf8').startsWith('#!'),
);

describe('the scripts of a deployment', () => {
  it.each(SCRIPTS)(
    '%s is a POSIX program that explains itself and refuses what it does not know',
    async (name) => {
      const file = join(FOLDER, name);
      expect(statSync(file).mode & 0o111).not.toBe(0);
      expect(readFileSync(file, 'utf8')).toMatch(/^#!\/bin\/sh\n# [^]*\nset -eu\n/);
      const help = await runScript(name, ['--help']);
      expect([help.code, help.errors]).toEqual([0, '']);
      expect(help.out).toContain(`deployment/scripts/${name}`);
      expect(help.out).toContain('--dry-run');
      const unknown = await runScript(name, ['--no-such-option']);
      expect([unknown.code, unknown.out]).toEqual([2, '']);
      expect(unknown.errors).toContain('--no-such-option');
    },
  );
});

/** A Docker that has the containers and images of two files and forgets those that are removed. */
const DOCKER = `
case "$1 $2" in
  'info ') ;;
  'ps --all') case "$*" in
    *status=exited*) grep exited "$FAKE/containers" | cut -d ' ' -f 1 ;;
    *) cut -d ' ' -f 1 "$FAKE/containers" ;;
  esac ;;
  'inspect --format') case "$3" in
    *project*) grep "^$4 " "$FAKE/containers" | cut -d ' ' -f 4 ;;
    *) grep "^$4 " "$FAKE/containers" | cut -d ' ' -f 3 ;;
  esac ;;
  'rm '*) sed -i "/^$2 /d" "$FAKE/containers" ;;
  'image ls') cat "$FAKE/images" ;;
  'image rm') sed -i "/^$4$/d" "$FAKE/images" ;;
  *) echo "docker $*" >>"$FAKE/log" ;;
esac`;

describe('cleanup.sh', () => {
  const start = () => {
    const { folder, PATH } = fakePrograms({ docker: DOCKER });
    writeFileSync(
      join(folder, 'containers'),
      'c1 running sha256:i4 shop\nc2 exited sha256:i1\nc3 exited sha256:i5 shop\nc4 exited sha256:i5\n',
    );
    writeFileSync(
      join(folder, 'images'),
      ['i1', 'i1', 'i2', 'i3', 'i4', 'i5'].map((id) => `sha256:${id}\n`).join(''),
    );
    const lines = (name: string) => readFileSync(join(folder, name), 'utf8').trim().split('\n');
    return { folder, PATH, lines };
  };

  it('keeps the newest images, those in use, and what belongs to a stack; a second run finds nothing', async () => {
    const { PATH, lines } = start();
    const first = await runScript('cleanup.sh', ['--keep', '2'], { PATH });
    expect([first.code, first.out]).toEqual([0, '✓ 2 containers, 1 images\n']);
    expect(lines('containers').map((line) => line.slice(0, 2))).toEqual(['c1', 'c3']);
    expect(lines('images')).toEqual(['i1', 'i1', 'i2', 'i4', 'i5'].map((id) => `sha256:${id}`));
    const second = await runScript('cleanup.sh', ['--keep', '2'], { PATH });
    expect([second.code, second.out]).toEqual([0, '✓ 0 containers, 0 images\n']);
  });

  it('changes nothing in a dry run, and the cache of builds only when it is told to', async () => {
    const { folder, PATH, lines } = start();
    const dry = await runScript('cleanup.sh', ['--keep', '2', '--build-cache', '--dry-run'], { PATH });
    expect(dry.out).toBe('✓ would remove 2 containers, 1 images\n');
    expect(dry.errors).toContain('docker image rm --force sha256:i3\ndocker builder prune');
    expect([lines('containers').length, lines('images').length]).toEqual([4, 6]);
    await runScript('cleanup.sh', [], { PATH });
    expect(existsSync(join(folder, 'log'))).toBe(false);
  });

  it('says when no engine answers', async () => {
    const { PATH } = fakePrograms({ docker: 'exit 1' });
    expect(await runScript('cleanup.sh', [], { PATH })).toMatchObject({
      code: 1,
      errors: 'cleanup: no engine answers\n',
    });
  });
});

/** A Kubernetes of two deployments: files with their image, their revisions and their notes. */
const KUBECTL = `
[ "$1" != --namespace ] || shift 2
name=\${3#deployment/}
case "$1 $2" in
  'get deployment') case "$*" in
    *rolled-back-from*) cat "$FAKE/$3.note" 2>/dev/null || true ;;
    *) cat "$FAKE/$3.image" ;;
  esac ;;
  'get replicasets') cat "$FAKE/revisions" ;;
  'rollout undo') awk -v n="$name" -v r="$5" '$1 == n && $2 == r { printf "%s", $3 }' "$FAKE/revisions" >"$FAKE/$name.image" ;;
  'rollout status') [ ! -e "$FAKE/stuck" ] ;;
  'annotate --overwrite') printf '%s' "\${4#*=}" >"$FAKE/$name.note" ;;
  *) exit 9 ;;
esac`;

describe('rollback.sh', () => {
  const start = () => {
    const { folder, PATH } = fakePrograms({ kubectl: KUBECTL });
    const image = (name: string) => readFileSync(join(folder, `${name}.image`), 'utf8');
    const revisions = ['caudal-api', 'caudal-worker'].flatMap((name) =>
      [1, 2, 3].map((n) => `${name} ${String(n)} caudal:${String(n)}`),
    );
    // An older one of ten comes after 9 and not after 1.
    writeFileSync(
      join(folder, 'revisions'),
      [...revisions, 'caudal-api 10 caudal:3', 'other 9 caudal:9', ''].join('\n'),
    );
    for (const name of ['caudal-api', 'caudal-worker'])
      writeFileSync(join(folder, `${name}.image`), 'caudal:3');
    return { folder, PATH, image };
  };

  it('gives both deployments the image of before, and leaves them there when it is run again', async () => {
    const { PATH, image } = start();
    const first = await runScript('rollback.sh', [], { PATH });
    expect([first.code, first.errors]).toEqual([0, '']);
    expect(first.out).toContain('caudal-api: caudal:3 -> caudal:2 (revision 2)');
    expect([image('caudal-api'), image('caudal-worker')]).toEqual(['caudal:2', 'caudal:2']);
    const second = await runScript('rollback.sh', [], { PATH });
    expect([second.code, second.out]).toEqual([
      0,
      'already rolled back from caudal:3 to caudal:2; name an earlier one with --to\n',
    ]);
    expect(image('caudal-api')).toBe('caudal:2');
    expect((await runScript('rollback.sh', ['--to', 'caudal:1'], { PATH })).code).toBe(0);
    expect([image('caudal-api'), image('caudal-worker')]).toEqual(['caudal:1', 'caudal:1']);
  });

  it('changes nothing in a dry run, nor when one of the two does not remember the image', async () => {
    const { PATH, image } = start();
    const dry = await runScript('rollback.sh', ['--dry-run', '--smoke', 'https://shop.example.com'], {
      PATH,
    });
    expect(dry.out).toContain('rollout undo deployment/caudal-worker --to-revision 2');
    expect(dry.out).toContain('smoke.sh https://shop.example.com --no-payment');
    expect(await runScript('rollback.sh', ['--to', 'caudal:7'], { PATH })).toMatchObject({
      code: 1,
      errors: 'rollback: caudal-api does not remember caudal:7\n',
    });
    expect([image('caudal-api'), image('caudal-worker')]).toEqual(['caudal:3', 'caudal:3']);
  });

  it('leaves alone what does not run the image that is to go, and takes back the workers alone', async () => {
    const { folder, PATH, image } = start();
    expect(await runScript('rollback.sh', ['--from', 'caudal:4'], { PATH })).toMatchObject({
      code: 0,
      out: 'caudal:4 does not run in caudal: nothing to roll back\n',
    });
    writeFileSync(join(folder, 'caudal-api.image'), 'caudal:2');
    expect((await runScript('rollback.sh', ['--from', 'caudal:3'], { PATH })).code).toBe(0);
    expect([image('caudal-api'), image('caudal-worker')]).toEqual(['caudal:2', 'caudal:2']);
  });

  it('fails with one line when the pods do not follow', async () => {
    const { folder, PATH } = start();
    writeFileSync(join(folder, 'stuck'), '');
    const { code, errors } = await runScript('rollback.sh', ['--timeout', '5'], { PATH });
    expect([code, errors]).toEqual([
      1,
      'rollback: caudal-api has not become what it was within 5 s: kubectl -n caudal get pods\n',
    ]);
  });
});

/** Renders two Deployments, a Job and what no release may touch; notes the rest of what it is told. */
const RELEASED = `
case "$1" in
  kustomize) cat "$FAKE/rendered" ;;
  apply) echo "apply $(grep '^kind:' "$3" | tr '\\n' ' ')$(grep -o 'image: .*' "$3" | tr '\\n' ' ')" >>"$FAKE/log" ;;
  *) echo "$*" >>"$FAKE/log"; case "$*" in *"$(cat "$FAKE/fails" 2>/dev/null || echo nothing)"*) exit 1 ;; esac ;;
esac`;

describe('release.sh', () => {
  const start = () => {
    const { folder, PATH } = fakePrograms({ kubectl: RELEASED });
    const pod = (image: string) => `      containers:\n      - image: ${image}\n`;
    const object = (kind: string, rest = '') =>
      `kind: ${kind}\nmetadata:\n  name: x\n  namespace: shop\n${rest}---\n`;
    writeFileSync(
      join(folder, 'rendered'),
      object('ConfigMap') +
        object('Deployment', pod('registry.example.com/caudal:0.1.0') + pod('other/proxy:1')) +
        object('NetworkPolicy') +
        object('Job', pod('registry.example.com/caudal:0.1.0')),
    );
    const log = () =>
      existsSync(join(folder, 'log')) ? readFileSync(join(folder, 'log'), 'utf8').trim().split('\n') : [];
    return { folder, PATH, log };
  };
  const args = ['--overlay', 'staging', '--image', 'ghcr.io/x/caudal@sha256:abc', '--timeout', '9'];

  it('applies settings, migration and pods in that order, with the image, and nothing else', async () => {
    const { PATH, log } = start();
    expect(await runScript('release.sh', args, { PATH })).toMatchObject({ code: 0, errors: '' });
    expect(log()).toEqual([
      'apply kind: ConfigMap ',
      '--namespace shop delete job caudal-migrate --ignore-not-found --wait',
      'apply kind: Job image: ghcr.io/x/caudal@sha256:abc ',
      '--namespace shop wait --for=condition=complete --timeout 9s job/caudal-migrate',
      'apply kind: Deployment image: ghcr.io/x/caudal@sha256:abc image: other/proxy:1 ',
      ...['pgbouncer', 'api', 'worker'].map(
        (name) => `--namespace shop rollout status deployment/caudal-${name} --timeout 9s`,
      ),
    ]);
  });

  it('leaves the pods alone when the migration fails, and says so', async () => {
    const { folder, PATH, log } = start();
    writeFileSync(join(folder, 'fails'), 'condition=complete');
    expect(await runScript('release.sh', args, { PATH })).toMatchObject({
      code: 1,
      errors: 'release: the migration has not ended well: kubectl -n shop logs job/caudal-migrate\n',
    });
    expect(log().join()).not.toContain('Deployment');
  });

  it('changes nothing in a dry run, and refuses what is no image or overlay', async () => {
    const { PATH, log } = start();
    const dry = await runScript('release.sh', [...args, '--dry-run'], { PATH });
    expect(dry.code).toBe(0);
    expect(dry.out).toContain('image ghcr.io/x/caudal@sha256:abc');
    for (const wrong of [
      ['--overlay', 'nowhere', '--image', 'a'],
      ['--overlay', 'staging', '--image', 'a b#'],
    ]) {
      expect((await runScript('release.sh', wrong, { PATH })).code).toBe(2);
    }
    expect(log()).toEqual([]);
  });
});

/** Behaves like `npm start` towards its data directory: takes the lock, says when it is ready, waits. */
const NODE = `
case "$1" in
  -p) echo "\${FAKE_MAJOR:-24}" ;;
  scripts/start.mjs)
    echo "$*" >>"$FAKE/starts"
    [ -z "\${FAKE_FAULT:-}" ] || { echo "✗ $FAKE_FAULT"; exit 1; }
    mkdir -p "$DATA_DIR"
    printf '{"pid": %s, "startedAt": "x"}' "$$" >"$DATA_DIR/lock.json"
    echo '{}' >"$DATA_DIR/runtime.json"
    trap 'rm "$DATA_DIR/lock.json"; kill $!; exit 0' TERM
    sleep 600 & wait ;;
  *) echo "$*" >>"$FAKE/calls"; [ "\${1##*/}" != "\${FAKE_FAULT:-}" ] ;;
esac`;

describe('dev-start.sh', () => {
  it('starts once, however often it is called, and stops once', async () => {
    const { folder, PATH } = fakePrograms({ node: NODE });
    const env = { PATH, DATA_DIR: join(folder, 'data'), PORT: '3999' };
    const first = await runScript('dev-start.sh', ['--detach', '--instances', '2'], env);
    try {
      expect([first.code, first.errors]).toEqual([0, '']);
      expect(first.out).toContain('✓ ready: http://127.0.0.1:3999');
      const second = await runScript('dev-start.sh', ['--detach'], env);
      expect([second.code, second.out]).toEqual([0, expect.stringContaining('already running')]);
      expect(readFileSync(join(folder, 'starts'), 'utf8')).toBe('scripts/start.mjs --instances 2\n');
      expect((await runScript('dev-start.sh', ['--stop', '--dry-run'], env)).out).toMatch(
        /^kill -TERM \d+\n$/,
      );
    } finally {
      expect(await runScript('dev-start.sh', ['--stop'], env)).toMatchObject({ code: 0, out: '✓ stopped\n' });
    }
    expect(await runScript('dev-start.sh', ['--stop'], env)).toMatchObject({
      code: 0,
      out: `nothing runs on ${join(folder, 'data')}\n`,
    });
  });

  it('does not take the process of somebody else for its own', async () => {
    const data = temporaryFolder('data');
    writeFileSync(join(data, 'lock.json'), `{"pid": ${String(process.pid)}, "startedAt": "x"}`);
    const { code, out } = await runScript('dev-start.sh', ['--stop'], { DATA_DIR: data });
    expect([code, out]).toEqual([0, `nothing runs on ${data}\n`]);
  });

  it('tells why it did not start, and starts nothing in a dry run or on an old Node', async () => {
    const { folder, PATH } = fakePrograms({ node: NODE });
    const env = { PATH, DATA_DIR: join(folder, 'data') };
    const failed = await runScript('dev-start.sh', ['--detach'], {
      ...env,
      FAKE_FAULT: 'port 3000 is in use',
    });
    expect(failed.code).toBe(1);
    expect(failed.errors).toContain('✗ port 3000 is in use\ndev-start: it did not start');
    const old = await runScript('dev-start.sh', ['--detach'], { ...env, FAKE_MAJOR: '18' });
    expect([old.code, old.errors]).toEqual([1, 'dev-start: Node is 18, and has to be 20 or newer\n']);
    expect((await runScript('dev-start.sh', ['--dry-run'], env)).out).toBe(
      'node scripts/start.mjs --instances 1\n',
    );
    expect(readFileSync(join(folder, 'starts'), 'utf8').split('\n').length).toBe(2);
  });
});

describe('db-init.sh', () => {
  it('names what is missing, and takes no step in a dry run', async () => {
    expect(await runScript('db-init.sh', ['--no-seed'])).toMatchObject({
      code: 1,
      errors: 'db-init: DATABASE_URL is not set: which database?\n',
    });
    const env = { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' };
    expect(await runScript('db-init.sh', ['--no-seed', '--dry-run'], env)).toMatchObject({
      code: 0,
      out: 'node scripts/database/migrate.mjs\n',
    });
  });
});

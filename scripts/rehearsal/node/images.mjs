// @ts-check
// The images of the pods, as one archive in the cache: made by an engine, and imported by containerd.
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { PROJECT } from '../../setup/project.mjs';
import { isOurs } from '../../deploy/manifests.mjs';
import { cacheFolder, run, Unavailable } from '../cache.mjs';
import { buildProjectImage } from '../compose/project-images.mjs';
import { startEngine } from '../engine.mjs';
import { buildImage } from '../image-build.mjs';
import { ensureImages } from '../stand-ins.mjs';
import { BACKUP_IMAGE } from './backup-objects.mjs';

/** Holds the namespaces of a pod, and does nothing until it is told to end. */
const PAUSE_IMAGE = 'caudal.local/pause:1';
const PAUSE = `package main

import (
	"os"
	"os/signal"
	"syscall"
)

func main() {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	<-stop
}
`;

/**
 * CAUDAL_IMAGE: one of the engine's to take in the place of one that is built of this checkout.
 *
 * @param {import('../cache.mjs').Rehearsal} rehearsal
 * @returns {Promise<{ archive: string, pauseImage: string, hasBackupImage: boolean }>}
 */
export async function imageArchive(rehearsal) {
  /** @type {(() => unknown)[]} */
  const ends = [];
  // The engine ends before the node begins: it would take a part of two cores.
  const end = async () => {
    for (const cleanUp of ends.splice(0).reverse()) await cleanUp();
  };
  rehearsal.later(end);
  const engine = await startEngine({ later: (cleanUp) => void ends.push(cleanUp) });
  const [own = '', ...others] = imageNames();
  const given = process.env['CAUDAL_IMAGE'];
  if (given === undefined) await buildImage(engine, rehearsal, own);
  else await engine.docker('tag', given, own);
  for (const { name, source, what } of await ensureImages(engine, others)) {
    if (source === 'none') throw new Unavailable(`${name}: ${what}`);
    if (name.includes('pgbouncer')) await putWhereTheOfficialImageHasIt(engine, name, '/usr/bin/pgbouncer');
    rehearsal.say(`${name}: ${source === 'pulled' ? 'pulled' : `stand-in, ${what}`}`);
  }
  await makePause(engine);
  const backup = await buildProjectImage({ engine, rehearsal }, 'backup');
  if (backup !== null) await engine.docker('tag', backup, BACKUP_IMAGE);
  const all = [own, ...others, PAUSE_IMAGE, ...(backup === null ? [] : [BACKUP_IMAGE])];
  const ids = await Promise.all(
    all.map((name) => engine.docker('image', 'inspect', '--format', '{{.Id}}', name)),
  );
  const archive = join(cacheFolder('node'), 'images.tar');
  const note = `${archive}.ids`;
  const known = existsSync(archive) && existsSync(note) ? readFileSync(note, 'utf8') : '';
  if (known !== ids.join('\n')) {
    rmSync(note, { force: true });
    await engine.docker('save', '--output', `${archive}.new`, ...all);
    renameSync(`${archive}.new`, archive);
    writeFileSync(note, ids.join('\n'));
  }
  await end();
  return { archive, pauseImage: PAUSE_IMAGE, hasBackupImage: backup !== null };
}

/** Those that the manifests name, ours first. */
function imageNames() {
  const base = join(PROJECT, 'deployment/k8s');
  const texts = readdirSync(base).map((file) => readFileSync(join(base, file), 'utf8'));
  const names = texts.flatMap((text) =>
    [...text.matchAll(/^\s*image: (\S+)$/gm)].map(([, name = '']) => name),
  );
  return [...new Set(names)].sort((a, b) => Number(isOurs({ image: b })) - Number(isOurs({ image: a })));
}

/**
 * The manifests name a program by its path, and Debian's package has it elsewhere.
 *
 * @param {import('../engine.mjs').Engine} engine
 * @param {string} image
 * @param {string} path
 */
async function putWhereTheOfficialImageHasIt({ docker, env }, image, path) {
  const isThere = () => docker('run', '--rm', '--network', 'none', '--entrypoint', 'test', image, '-x', path);
  const link = `FROM ${image}\nRUN ln -s "$(command -v ${basename(path)})" ${path}\n`;
  await isThere().catch(() => run('docker', ['build', '--tag', image, '-'], { env, input: link }));
}

/** @param {import('../engine.mjs').Engine} engine */
async function makePause({ docker }) {
  if ((await docker('images', '--quiet', PAUSE_IMAGE)) !== '') return;
  const directory = mkdtempSync(join(cacheFolder('node'), 'pause-'));
  try {
    writeFileSync(join(directory, 'main.go'), PAUSE);
    const env = { CGO_ENABLED: '0' };
    await run('go', ['build', '-trimpath', '-ldflags=-s -w', '-o', 'pause', 'main.go'], {
      cwd: directory,
      env,
    });
    await run('tar', ['--create', '--file', 'pause.tar', 'pause'], { cwd: directory });
    await docker(
      ...['import', '--change', 'ENTRYPOINT ["/pause"]', '--change', 'USER 65535:65535'],
      ...[join(directory, 'pause.tar'), PAUSE_IMAGE],
    );
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

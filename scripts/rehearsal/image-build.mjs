// @ts-check
// The image of this checkout, built by the script that builds it for production.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PROJECT } from '../setup/project.mjs';
import { Unavailable, cacheFolder, run } from './cache.mjs';
import { baseOf, ensureImages } from './stand-ins.mjs';

const BUILD_DEADLINE_MS = 1_500_000;

/**
 * @param {import('./engine.mjs').Engine} engine
 * @param {import('./cache.mjs').Rehearsal} rehearsal
 * @param {string} tag
 * @returns {Promise<import('./stand-ins.mjs').Image>} the base that it was built on
 */
export async function buildImage(engine, { say, goal }, tag) {
  const [base] = await ensureImages(engine, [baseOf('Dockerfile.production')]);
  if (base === undefined || base.source === 'none')
    throw new Unavailable(`${base?.name ?? 'the base of the image'}: ${base?.what ?? ''}`);
  say(`base ${base.name}: ${base.source === 'pulled' ? 'pulled' : `stand-in, ${base.what}`}`);
  const sbom = join(cacheFolder('image'), 'sbom.cdx.json');
  const said = await run(
    join(PROJECT, 'deployment/scripts/build-docker.sh'),
    ['--tag', tag, '--sbom', sbom],
    {
      env: engine.env,
      timeoutMs: BUILD_DEADLINE_MS,
    },
  );
  say(said.split('\n').at(-1) ?? '');
  const { components } = /** @type {{ components: { name: string }[] }} */ (read(sbom));
  const { dependencies } = /** @type {{ dependencies: Record<string, string> }} */ (
    read(join(PROJECT, 'package.json'))
  );
  const named = new Set(components.map(({ name }) => name.replace(/^.*\/node_modules\//, '')));
  const unnamed = Object.keys(dependencies).filter(
    (name) => !named.has(name) && !named.has(name.split('/')[1] ?? ''),
  );
  goal(
    components.length > 0 && unnamed.length === 0,
    `SBOM: ${String(components.length)} packages, each production dependency among them${unnamed.length === 0 ? '' : ` but ${unnamed.join(', ')}`}`,
  );
  return base;
}

/** @param {string} file @returns {unknown} */
const read = (file) => /** @type {unknown} */ (JSON.parse(readFileSync(file, 'utf8')));

/**
 * Size and own layers, those of the base apart.
 *
 * @param {import('./engine.mjs').Engine} engine
 * @param {string} image
 * @param {(line: string) => void} say
 */
export async function describeImage({ docker }, image, say) {
  const sizeOf = async (/** @type {string} */ name) =>
    Number(await docker('image', 'inspect', '--format', '{{.Size}}', name));
  const megabytes = (/** @type {number} */ bytes) => `${(bytes / 1e6).toFixed(1)} MB`;
  const size = await sizeOf(image);
  const base = await sizeOf(baseOf('Dockerfile.production')).catch(() => 0);
  say(`image ${megabytes(size)}: base ${megabytes(base)}, its own layers ${megabytes(size - base)}`);
  const history = await docker(
    'history',
    '--human=false',
    '--no-trunc',
    '--format',
    '{{.Size}}\t{{.CreatedBy}}',
    image,
  );
  for (const line of history.split('\n').reverse()) {
    const [bytes = '0', command = ''] = line.split('\t');
    const what = command
      .replace(/^\/bin\/sh -c #\(nop\)\s*/, '')
      .replace(/\b(file|dir|multi):[0-9a-f]{60,}/g, '…');
    if (/^(COPY|ADD|RUN)/.test(what) && / in |app|docker-entrypoint/.test(what))
      say(`  ${megabytes(Number(bytes)).padStart(9)}  ${what.replace(/\s+/g, ' ').slice(0, 90)}`);
  }
}

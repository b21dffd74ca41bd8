import { ENVIRONMENT } from '../../../src/config/environment.js';
import { parseStack, readStackFiles } from '../compose-stack.mjs';
import { parseObjects, type Finding, type KubernetesObject } from '../manifests.mjs';
import { backupAgeMaxSeconds, documentedMetrics, readBase, readOverlay } from '../renderings.mjs';
import { checkManifests, checkPart, checkStack } from '../rules.mjs';
import { imageReferences } from '../rules/image-reference-rules.mjs';
import { secretsInTree } from '../rules/secret-rules.mjs';
import { checkGateway, checkImages, readSources, shipped } from '../sources.mjs';
import { COMPOSE_BACKUP_MUTATIONS, SCHEDULE_MUTATIONS, SECRET_MUTATIONS } from './backup-mutations.mjs';
import { COMPOSE_MUTATIONS } from './compose-mutations.mjs';
import { FIREWALL_MUTATIONS } from './firewall-mutations.mjs';
import { IMAGE_MUTATIONS } from './image-mutations.mjs';
import { MANIFEST_MUTATIONS } from './manifest-mutations.mjs';
import { mutated, type Mutation } from './mutation.mjs';
import { SERVER_MUTATIONS } from './server-mutations.mjs';

type Files = ReadonlyMap<string, string>;

interface Subject {
  readonly what: string;
  readonly mutations: readonly Mutation[];
  readonly files: Files;
  readonly judge: (files: Files) => Finding[];
}

const FIREWALL_OVERLAY = 'deployment/docker/compose.modsecurity.yml';
const settings = new Map(Object.entries(ENVIRONMENT));
const known = { settings, metrics: documentedMetrics(), backupAgeMaxSeconds: backupAgeMaxSeconds() };
const tree = readSources();
/** A mutation changes one file: the others are not read anew. */
const parsed = new Map<string, KubernetesObject[]>();
const objectsOf = (files: Files) =>
  [...files].flatMap(([name, text]) => {
    const objects = parsed.get(text) ?? parseObjects(text, name);
    if (files.get(name) === tree.get(name) || tree.get(`deployment/k8s/${name}`) === text)
      parsed.set(text, objects);
    return objects;
  });
const withFolder = (folder: string, files: Files) =>
  new Map([...files].map(([name, text]) => [`${folder}/${name}`, text] as const));

const SUBJECTS: readonly Subject[] = [
  { what: 'image', mutations: IMAGE_MUTATIONS, files: tree, judge: checkImages },
  {
    what: 'manifests',
    mutations: MANIFEST_MUTATIONS,
    files: readBase(),
    judge: (files) => checkManifests({ objects: objectsOf(files), ...known }),
  },
  {
    what: 'compose stack',
    mutations: COMPOSE_MUTATIONS,
    files: readStackFiles(),
    judge: (files) => checkStack(parseStack(files, settings)),
  },
  {
    what: 'firewall of the gateway',
    mutations: FIREWALL_MUTATIONS,
    files: readStackFiles(),
    judge: (files) => checkStack(parseStack(files, settings, FIREWALL_OVERLAY)),
  },
  {
    what: 'compose stack with backups',
    mutations: COMPOSE_BACKUP_MUTATIONS,
    files: readStackFiles(),
    judge: (files) => checkStack(parseStack(files, settings, 'deployment/docker/compose.backup.yml')),
  },
  {
    what: 'gateway, images of servers, versions',
    mutations: SERVER_MUTATIONS,
    files: tree,
    judge: (files) => [...checkImages(files), ...checkGateway(files), ...imageReferences(shipped(files))],
  },
  {
    what: 'times of jobs',
    mutations: SCHEDULE_MUTATIONS,
    files: withFolder('deployment/overlays/backup', readOverlay('backup')),
    judge: (files) => checkPart({ objects: objectsOf(files), ...known }),
  },
  { what: 'secrets in the tree', mutations: SECRET_MUTATIONS, files: tree, judge: secretsInTree },
];

describe('the rules of the deployment', () => {
  it.each(SUBJECTS)('have nothing against what is in the repository: $what', ({ files, judge }) => {
    expect(judge(files)).toEqual([]);
  });

  it.each(SUBJECTS)('catch every seeded mutation: $what', ({ what, mutations, files, judge }) => {
    const survivors = mutations.filter((mutation) => {
      const [rule, , file] = mutation;
      const changed = new Map([...files, [file, mutated(files.get(file) ?? '', mutation)]]);
      return !judge(changed).some((finding) => finding.rule === rule);
    });
    const caught = mutations.length - survivors.length;
    process.stdout.write(`mutations, ${what}: ${String(caught)} of ${String(mutations.length)} caught\n`);
    expect(survivors.map(([rule, mistake]) => `${rule}: ${mistake}`)).toEqual([]);
  });

  it('are tried by at least 150 of them, each of which is one', () => {
    const all = SUBJECTS.flatMap(({ mutations }) => mutations.map(([rule, what]) => `${rule}: ${what}`));
    process.stdout.write(`mutations in all: ${String(all.length)}\n`);
    expect(all.length).toBeGreaterThanOrEqual(150);
    expect(all.filter((each, index) => all.indexOf(each) !== index)).toEqual([]);
  });
});

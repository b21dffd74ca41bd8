import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '../../../test/support/temporary-folder.js';
import { parseObjects } from '../manifests.mjs';
import { OVERLAY_NAMES, readBase, readOverlay } from '../renderings.mjs';
import { writeDefinedSchemas } from './resource-definitions.mjs';
import { DEFINED_BY } from './schema-sources.mjs';
import { strict } from './strict-schema.mjs';
import { writeConstructSchema } from './typed-constructs.mjs';

/** Groups of Kubernetes itself, whose schemas are in its own module. */
const OWN = ['', 'apps', 'autoscaling', 'batch', 'networking.k8s.io', 'policy', 'rbac.authorization.k8s.io'];

describe('the schemas of what is deployed', () => {
  let out = '';
  beforeEach(() => {
    out = temporaryFolder('caudal-schemas');
  });
  const written = (path: string): unknown => JSON.parse(readFileSync(join(out, path), 'utf8'));

  it('know every kind of the base and of each overlay, and no group that is not used', () => {
    const files = [...readBase(), ...OVERLAY_NAMES.flatMap((name) => [...readOverlay(name)])];
    const objects = files.flatMap(([name, text]) => parseObjects(text, name));
    const kinds = new Map(
      objects.map(({ apiVersion = '', kind = '' }) => {
        const group = apiVersion.includes('/') ? (apiVersion.split('/')[0] ?? '') : '';
        return [`${apiVersion} ${kind}`, group] as const;
      }),
    );
    const isKnown = (group: string) => OWN.includes(group) || DEFINED_BY.has(group);
    expect([...kinds].filter(([, group]) => !isKnown(group))).toEqual([]);
    const used = new Set(kinds.values());
    expect([...OWN, ...DEFINED_BY.keys()].filter((group) => !used.has(group))).toEqual([]);
    const foreign = [...kinds].filter(([, group]) => DEFINED_BY.has(group));
    const list = foreign.map(([kind, group]) => `  ${kind}: ${DEFINED_BY.get(group) ?? ''}`).sort();
    process.stdout.write(`kinds of others, and what they are validated by:\n${list.join('\n')}\n`);
  });

  it('take no field but those that are listed, and leave branches of a choice and open objects alone', () => {
    const listed = { properties: { a: { type: 'string', default: 'x' } } };
    expect(strict(listed)).toEqual({ properties: { a: { type: 'string' } }, additionalProperties: false });
    expect(strict({ oneOf: [listed] })).toEqual({ oneOf: [{ properties: { a: { type: 'string' } } }] });
    expect(strict({ ...listed, 'x-kubernetes-preserve-unknown-fields': true })).not.toHaveProperty(
      'additionalProperties',
    );
  });

  it('come out of a custom resource definition, one for each version', () => {
    const file = join(out, 'crd.yaml');
    writeFileSync(
      file,
      `kind: CustomResourceDefinition
spec:
  group: example.org
  names: { kind: Thing }
  versions:
    - name: v1
      schema: { openAPIV3Schema: { type: object, properties: { spec: { type: object, properties: { size: { x-kubernetes-int-or-string: true } } } } } }
    - name: v2
      schema: { openAPIV3Schema: { type: object, properties: { spec: { type: object, x-kubernetes-preserve-unknown-fields: true } } } }
`,
    );
    writeDefinedSchemas(file, out);
    expect(readdirSync(join(out, 'example.org')).sort()).toEqual(['thing_v1.json', 'thing_v2.json']);
    expect(written('example.org/thing_v1.json')).toMatchObject({
      additionalProperties: false,
      properties: {
        metadata: { type: 'object' },
        spec: { additionalProperties: false, properties: { size: { type: ['string', 'integer', 'null'] } } },
      },
    });
  });

  it('come out of constructs, with the names of the manifest', () => {
    writeFileSync(
      join(out, 'c.d.ts'),
      `export interface ThingSpec {
  readonly enablePdb?: boolean;
  readonly instances: number;
  readonly labels?: { [key: string]: string };
  readonly log?: ThingLog;
  readonly nodes?: ThingNode[];
}
export interface ThingNode { readonly size?: ThingSize; }
export declare enum ThingLog { INFO = "info", DEBUG = "debug" }
export declare class ThingSize { static fromNumber(value: number): ThingSize; }
`,
    );
    writeFileSync(
      join(out, 'c.js'),
      `export function toJson_ThingSpec(obj) {
    const result = {
        enablePDB: obj.enablePdb,
        instances: obj.instances,
        labels: ((obj.labels) === undefined) ? undefined : (Object.entries(obj.labels)),
        log: obj.log,
        'nodes': obj.nodes?.map((y) => toJson_ThingNode(y)),
    };
}
export function toJson_ThingNode(obj) {
    const result = {
        size: obj.size?.value,
    };
}
`,
    );
    writeConstructSchema(join(out, 'c'), { apiVersion: 'example.org/v1', kind: 'Thing' }, out);
    expect(written('example.org/thing_v1.json')).toMatchObject({
      properties: { spec: { $ref: '#/definitions/ThingSpec' } },
      definitions: {
        ThingSpec: {
          additionalProperties: false,
          required: ['instances'],
          properties: {
            enablePDB: { type: 'boolean' },
            instances: { type: 'number' },
            labels: { type: 'object', additionalProperties: { type: 'string' } },
            log: { $ref: '#/definitions/ThingLog' },
            nodes: { type: 'array', items: { $ref: '#/definitions/ThingNode' } },
          },
        },
        ThingNode: { properties: { size: { $ref: '#/definitions/ThingSize' } } },
        ThingLog: { enum: ['info', 'debug'] },
        ThingSize: { type: ['string', 'number'] },
      },
    });
  });
});

// @ts-check
// Schemas for kubeconform out of the OpenAPI documents in the Go module k8s.io/kubernetes: one file for each kind,
// fields that nobody knows refused.
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { readJsonFile } from '../../services/json-file.mjs';
import { schemaPath, strict } from './strict-schema.mjs';

/** @typedef {import('./strict-schema.mjs').Schema} Schema */

const DOCUMENTS = 'api/openapi-spec/v3';

/**
 * @param {string} module its directory
 * @param {string} out
 */
export function writeKubernetesSchemas(module, out) {
  for (const name of readdirSync(join(module, DOCUMENTS)).filter((file) => file.endsWith('_openapi.json'))) {
    const definitions = readDefinitions(join(module, DOCUMENTS, name));
    for (const schema of Object.values(definitions))
      for (const { group, kind, version } of schema['x-kubernetes-group-version-kind'] ?? []) {
        if (schema.properties?.['metadata'] === undefined) continue;
        const path = join(out, schemaPath(group === '' ? version : `${group}/${version}`, kind));
        mkdirSync(dirname(path), { recursive: true });
        writeFileSync(path, JSON.stringify({ ...schema, definitions }));
      }
  }
}

/**
 * What the kinds of the core are made of, for definitions that contain parts of them.
 *
 * @param {string} module its directory
 */
export const coreDefinitions = (module) => readDefinitions(join(module, DOCUMENTS, 'api__v1_openapi.json'));

/** @param {string} path */
function readDefinitions(path) {
  const document = /** @type {{ components?: { schemas?: Record<string, Schema> } }} */ (readJsonFile(path));
  return /** @type {Record<string, Schema>} */ (strict(document.components?.schemas ?? {}));
}

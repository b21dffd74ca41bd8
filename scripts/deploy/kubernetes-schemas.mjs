// @ts-check
// node scripts/deploy/kubernetes-schemas.mjs MODULE OUT
// Schemas for kubeconform out of the OpenAPI documents in the Go module k8s.io/kubernetes (`go mod download
// -json k8s.io/kubernetes@v1.36.3` prints its directory): one file for each kind, fields that nobody knows refused.
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readJsonFile } from '../services/json-file.mjs';

/**
 * @typedef {{ group: string, kind: string, version: string }} GroupVersionKind
 * @typedef {Record<string, unknown> & {
 *   properties?: Record<string, unknown>, additionalProperties?: unknown,
 *   'x-kubernetes-group-version-kind'?: GroupVersionKind[],
 * }} Schema
 */

/**
 * The types of JSON Schema out of those of OpenAPI, and no property but the ones that are there.
 *
 * @param {unknown} node
 * @returns {unknown}
 */
function strict(node) {
  if (Array.isArray(node)) return node.map(strict);
  if (typeof node !== 'object' || node === null) return node;
  const schema = /** @type {Schema} */ (node);
  // Quantities and ports are text or a number whatever the document's `oneOf` says of defaults.
  if (schema['format'] === 'int-or-string') return { type: ['string', 'integer', 'null'] };
  const entries = Object.entries(schema)
    // Texts and defaults decide nothing; a property may be called so, and is an object then.
    .filter(([key, value]) => !(['default', 'description'].includes(key) && typeof value !== 'object'))
    .map(
      ([key, value]) =>
        /** @type {[string, unknown]} */ ([key, key === '$ref' ? shortReference(value) : strict(value)]),
    );
  /** @type {Schema} */
  const result = Object.fromEntries(entries);
  if (result.properties !== undefined && result.additionalProperties === undefined)
    result.additionalProperties = false;
  return result;
}

/** @param {unknown} reference */
const shortReference = (reference) => String(reference).replace('#/components/schemas/', '#/definitions/');

const [module = '', out = ''] = process.argv.slice(2);
if (out === '') {
  console.error('Usage: node scripts/deploy/kubernetes-schemas.mjs MODULE OUT');
  process.exit(1);
}
const documents = join(module, 'api/openapi-spec/v3');
let count = 0;
for (const name of readdirSync(documents).filter((file) => file.endsWith('_openapi.json'))) {
  const document = /** @type {{ components?: { schemas?: Record<string, Schema> } }} */ (
    readJsonFile(join(documents, name))
  );
  const definitions = /** @type {Record<string, Schema>} */ (strict(document.components?.schemas ?? {}));
  for (const schema of Object.values(definitions)) {
    for (const { group, kind, version } of schema['x-kubernetes-group-version-kind'] ?? []) {
      if (schema.properties?.['metadata'] === undefined) continue;
      // kubeconform takes "v1" for the group of the core.
      const directory = join(out, group === '' ? version : group);
      mkdirSync(directory, { recursive: true });
      // kubeconform asks for the lower-case kind.
      const path = join(directory, `${kind.toLowerCase()}_${version}.json`);
      writeFileSync(path, JSON.stringify({ ...schema, definitions }));
      count += 1;
    }
  }
}
console.log(`${String(count)} schemas in ${out}`);

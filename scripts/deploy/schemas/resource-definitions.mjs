// @ts-check
// Schemas for kubeconform out of custom resource definitions: one file for each kind and version. Their rules in CEL
// are the API server's to evaluate and are not part of it.
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { schemaPath, strict } from './strict-schema.mjs';

/**
 * @typedef {object} Definition
 * @property {string} [kind]
 * @property {{ group: string, names: { kind: string },
 *   versions: { name: string, schema?: { openAPIV3Schema?: import('./strict-schema.mjs').Schema } }[] }} spec
 */

/**
 * @param {string} place a file, or a directory of files
 * @param {string} out
 */
export function writeDefinedSchemas(place, out) {
  for (const file of filesOf(place)) {
    for (const document of parseAllDocuments(readFileSync(file, 'utf8'))) {
      const value = /** @type {unknown} */ (document.toJS());
      const definition = /** @type {Definition | null} */ (value);
      if (definition?.kind !== 'CustomResourceDefinition') continue;
      const { group, names, versions } = definition.spec;
      for (const { name, schema } of versions) {
        const path = join(out, schemaPath(`${group}/${name}`, names.kind));
        mkdirSync(dirname(path), { recursive: true });
        writeFileSync(path, JSON.stringify(withMetadata(strict(schema?.openAPIV3Schema ?? {}))));
      }
    }
  }
}

/** A definition says of the metadata only that it is an object. @param {unknown} schema */
function withMetadata(schema) {
  const { properties = {}, ...rest } = /** @type {import('./strict-schema.mjs').Schema} */ (schema);
  return { ...rest, properties: { ...properties, metadata: { type: 'object' } } };
}

/** @param {string} place */
function filesOf(place) {
  if (!existsSync(place)) throw new Error(`${place} does not exist`);
  if (!statSync(place).isDirectory()) return [place];
  return readdirSync(place)
    .filter((name) => name.endsWith('.yaml'))
    .map((name) => join(place, name));
}

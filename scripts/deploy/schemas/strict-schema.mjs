// @ts-check
// What OpenAPI documents and custom resource definitions say of an object, as JSON Schema that knows no other field.

/**
 * @typedef {Record<string, unknown> & {
 *   properties?: Record<string, unknown>, additionalProperties?: unknown,
 *   'x-kubernetes-group-version-kind'?: { group: string, kind: string, version: string }[],
 * }} Schema
 */

/**
 * @param {unknown} node
 * @param {boolean} [isBranch] of a choice: it says something of some fields and does not list them
 * @returns {unknown}
 */
export function strict(node, isBranch = false) {
  if (Array.isArray(node)) return node.map((each) => strict(each, isBranch));
  if (typeof node !== 'object' || node === null) return node;
  const schema = /** @type {Schema} */ (node);
  // Quantities and ports are text or a number whatever the document's `oneOf` says of defaults.
  if (schema['format'] === 'int-or-string' || schema['x-kubernetes-int-or-string'] === true)
    return { type: ['string', 'integer', 'null'] };
  const entries = Object.entries(schema)
    // Texts and defaults decide nothing; a property may be called so, and is an object then.
    .filter(([key, value]) => !(['default', 'description'].includes(key) && typeof value !== 'object'))
    .map(
      ([key, value]) =>
        /** @type {[string, unknown]} */ ([
          key,
          key === '$ref' ? shortReference(value) : strict(value, isBranch || CHOICES.has(key)),
        ]),
    );
  /** @type {Schema} */
  const result = Object.fromEntries(entries);
  const isOpen = schema['x-kubernetes-preserve-unknown-fields'] === true;
  if (result.properties !== undefined && result.additionalProperties === undefined && !isOpen && !isBranch)
    result.additionalProperties = false;
  return result;
}

const CHOICES = new Set(['allOf', 'anyOf', 'oneOf', 'not']);

/** @param {unknown} reference */
const shortReference = (reference) => String(reference).replace('#/components/schemas/', '#/definitions/');

/**
 * Where kubeconform looks: `{{ .Group }}/{{ .ResourceKind }}_{{ .ResourceAPIVersion }}.json`, with the group of the
 * core under its version and small letters for the kind.
 *
 * @param {string} apiVersion
 * @param {string} kind
 */
export function schemaPath(apiVersion, kind) {
  const [group = '', version = group] = apiVersion.split('/');
  return `${group}/${kind.toLowerCase()}_${version}.json`;
}

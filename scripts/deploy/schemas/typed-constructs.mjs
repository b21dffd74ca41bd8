// @ts-check
// Schemas out of the constructs that `cdk8s import` writes for a custom resource definition, for an operator whose own
// definitions no registry has. The declarations say which fields there are, of which type, and which may be missing;
// the functions beside them, how each is called in the manifest.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import ts from 'typescript';
import { schemaPath } from './strict-schema.mjs';

/**
 * @param {string} base of a `.d.ts` and a `.js`
 * @param {{ apiVersion: string, kind: string }} resource
 * @param {string} out
 */
export function writeConstructSchema(base, { apiVersion, kind }, out) {
  const declarations = ts.createSourceFile(
    'constructs.d.ts',
    readFileSync(`${base}.d.ts`, 'utf8'),
    ts.ScriptTarget.Latest,
  );
  const namesOf = writtenNames(readFileSync(`${base}.js`, 'utf8'));
  /** @type {Record<string, unknown>} */
  const definitions = {};
  for (const statement of declarations.statements) {
    if (ts.isInterfaceDeclaration(statement))
      definitions[statement.name.text] = objectSchema(statement, namesOf(statement.name.text));
    else if (ts.isEnumDeclaration(statement))
      definitions[statement.name.text] = { enum: statement.members.flatMap(enumValue) };
    // A class that is made of a text or of a number: a quantity.
    else if (ts.isClassDeclaration(statement) && statement.name !== undefined)
      definitions[statement.name.text] = { type: ['string', 'number'] };
  }
  if (definitions[`${kind}Spec`] === undefined) throw new Error(`${base} does not declare ${kind}`);
  const schema = {
    type: 'object',
    required: ['apiVersion', 'kind', 'metadata', 'spec'],
    additionalProperties: false,
    properties: {
      apiVersion: { type: 'string' },
      kind: { type: 'string' },
      metadata: { type: 'object' },
      spec: { $ref: `#/definitions/${kind}Spec` },
    },
    definitions,
  };
  const path = join(out, schemaPath(apiVersion, kind));
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, JSON.stringify(schema));
}

/**
 * `enablePDB: obj.enablePdb`: the manifest's name by that of the declaration.
 *
 * @param {string} script
 */
function writtenNames(script) {
  const functions = new Map(
    [...script.matchAll(/^export function toJson_(\w+)\(obj\) \{([^]*?)^\}/gm)].map(
      ([, name = '', body = '']) => [
        name,
        new Map(
          [...body.matchAll(/^ +['"]?([\w.$-]+)['"]?: [^\n]*?\bobj\.(\w+)/gm)].map(
            ([, written = '', declared = '']) => [declared, written],
          ),
        ),
      ],
    ),
  );
  return (/** @type {string} */ name) => functions.get(name) ?? new Map();
}

/**
 * @param {ts.InterfaceDeclaration} declaration
 * @param {ReadonlyMap<string, string>} names
 */
function objectSchema(declaration, names) {
  const members = declaration.members.filter(ts.isPropertySignature).flatMap((member) => {
    const declared = ts.isIdentifier(member.name) ? member.name.text : '';
    const name = names.get(declared);
    return name === undefined ? [] : [{ name, member }];
  });
  const required = members.filter(({ member }) => member.questionToken === undefined);
  return {
    type: 'object',
    additionalProperties: false,
    // Draft 4, which kubeconform reads, knows no empty list.
    ...(required.length === 0 ? {} : { required: required.map(({ name }) => name) }),
    properties: Object.fromEntries(members.map(({ name, member }) => [name, typeSchema(member.type)])),
  };
}

/**
 * @param {ts.TypeNode | undefined} type
 * @returns {unknown}
 */
function typeSchema(type) {
  if (type === undefined) return {};
  if (ts.isArrayTypeNode(type)) return { type: 'array', items: typeSchema(type.elementType) };
  if (ts.isUnionTypeNode(type)) return { anyOf: type.types.map(typeSchema) };
  if (ts.isTypeLiteralNode(type)) {
    const [member] = type.members;
    const values = member !== undefined && ts.isIndexSignatureDeclaration(member) ? member.type : undefined;
    return { type: 'object', additionalProperties: typeSchema(values) };
  }
  if (ts.isTypeReferenceNode(type) && ts.isIdentifier(type.typeName))
    return type.typeName.text === 'Date'
      ? { type: 'string' }
      : { $ref: `#/definitions/${type.typeName.text}` };
  switch (type.kind) {
    case ts.SyntaxKind.StringKeyword:
      return { type: 'string' };
    case ts.SyntaxKind.NumberKeyword:
      return { type: 'number' };
    case ts.SyntaxKind.BooleanKeyword:
      return { type: 'boolean' };
    default:
      return {};
  }
}

/** @param {ts.EnumMember} member */
function enumValue({ initializer }) {
  return initializer !== undefined && ts.isStringLiteral(initializer) ? [initializer.text] : [];
}

/** What the tests need to know of a JSON schema of the OpenAPI document. */
export interface Schema {
  readonly $ref?: string;
  readonly allOf?: readonly Schema[];
  readonly type?: string | readonly string[];
  readonly format?: string;
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly maxLength?: number;
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: Schema;
}

interface Parameter {
  readonly in: 'path' | 'query' | 'header';
  readonly name: string;
  readonly required?: boolean;
  readonly schema?: Schema;
}

interface Operation {
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> };
  readonly security?: readonly Readonly<Record<string, unknown>>[];
}

export interface OpenApiDocument {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

/** One route as the API describes it. */
export class ApiRoute {
  constructor(
    readonly method: string,
    /** With its parameters in braces. */
    readonly path: string,
    private readonly operation: Operation,
    readonly bodySchema: Schema | undefined,
  ) {}

  get name(): string {
    return `${this.method} ${this.path}`;
  }

  get takesBody(): boolean {
    return ['POST', 'PUT', 'PATCH'].includes(this.method);
  }

  get isForAdministrators(): boolean {
    return this.path.includes('/admin/');
  }

  /** A bearer token is accepted; some routes do without one as well. */
  get takesToken(): boolean {
    return this.operation.security?.some((scheme) => 'bearer' in scheme) === true;
  }

  parameters(where: Parameter['in']): readonly Parameter[] {
    return (this.operation.parameters ?? []).filter((parameter) => parameter.in === where);
  }

  takesHeader(name: string): boolean {
    return this.parameters('header').some((parameter) => parameter.name === name);
  }

  demandsHeader(name: string): boolean {
    return this.parameters('header').some(
      (parameter) => parameter.name === name && parameter.required === true,
    );
  }
}

/** Every route of the document, so that no list in a test can forget one. */
export function routesOf(document: OpenApiDocument): ApiRoute[] {
  return Object.entries(document.paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, operation]) => {
      const schema = operation.requestBody?.content['application/json']?.schema;
      return new ApiRoute(
        method.toUpperCase(),
        path,
        operation,
        schema === undefined ? undefined : resolve(document, schema),
      );
    }),
  );
}

/** The schema with every reference replaced by what it refers to. */
function resolve(document: OpenApiDocument, schema: Schema): Schema {
  const name = schema.$ref?.split('/').at(-1);
  if (name !== undefined) return resolve(document, document.components.schemas[name] ?? {});
  if (schema.allOf?.[0] !== undefined) return resolve(document, schema.allOf[0]);
  return {
    ...schema,
    ...(schema.items === undefined ? {} : { items: resolve(document, schema.items) }),
    ...(schema.properties === undefined
      ? {}
      : {
          properties: Object.fromEntries(
            Object.entries(schema.properties).map(([key, each]) => [key, resolve(document, each)]),
          ),
        }),
  };
}

export interface Mutation {
  /** JSON pointer of the value that was made wrong. */
  readonly pointer: string;
  readonly value: unknown;
  readonly body: unknown;
}

/** A valid body with one value at a time replaced by one that its schema does not allow. */
export function* mutationsOf(schema: Schema, body: unknown): Generator<Mutation> {
  yield* mutate(schema, body, '', (value) => value, true);
}

function* mutate(
  schema: Schema,
  present: unknown,
  pointer: string,
  rebuild: (value: unknown) => unknown,
  isRequired: boolean,
): Generator<Mutation> {
  if (pointer !== '') {
    for (const value of wrongValues(schema, isRequired)) yield { pointer, value, body: rebuild(value) };
    if (isRequired) yield { pointer, value: undefined, body: rebuild(undefined) };
  }
  if (Array.isArray(present) && schema.items !== undefined) {
    yield* mutate(schema.items, present[0], `${pointer}/0`, (value) => rebuild([value]), true);
  } else if (typeof present === 'object' && present !== null) {
    for (const [key, property] of Object.entries(schema.properties ?? {})) {
      yield* mutate(
        property,
        (present as Record<string, unknown>)[key],
        `${pointer}/${key}`,
        (value) => rebuild({ ...present, [key]: value }),
        schema.required?.includes(key) === true,
      );
    }
  }
}

function wrongValues(schema: Schema, isRequired: boolean): unknown[] {
  const types = [schema.type ?? 'object'].flat();
  const is = (...names: string[]) => names.some((name) => types.includes(name));
  const text = [
    ...(schema.enum === undefined ? [] : ['nonsense']),
    ...(schema.format === 'uuid' ? ['not-a-uuid', ''] : []),
    ...(schema.format === 'email' ? ['not an address', '@', ''] : []),
    ...(schema.maxLength === undefined ? [] : ['x'.repeat(schema.maxLength + 1)]),
  ];
  const numbers = [
    0.5,
    1e308,
    -1e308,
    ...(schema.minimum === undefined ? [] : [schema.minimum - 1]),
    ...(schema.maximum === undefined ? [] : [schema.maximum + 1]),
  ];
  return [
    true,
    ...(is('string') ? [1, [], {}, ['x'], ...text] : ['1']),
    ...(is('number', 'integer') ? [[], {}, [1], ...numbers] : [0]),
    ...(is('array') ? [{}] : []),
    ...(is('object') ? [[], [[]]] : []),
    ...(isRequired && !is('null') ? [null] : []),
  ];
}

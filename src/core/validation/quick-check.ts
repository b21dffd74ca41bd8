import { TransformationType } from 'class-transformer';
import { defaultMetadataStorage as transformations } from 'class-transformer/cjs/storage.js';
import { getMetadataStorage, type ValidationArguments, ValidationTypes } from 'class-validator';

/** A class whose decorators say what a body must be. */
export type DtoClass<T extends object = object> = new () => T;

/** True only for what the validation pipe would accept and hand on with the same content. */
export type QuickCheck<T extends object = object> = (value: unknown) => value is T;

interface Constraint {
  readonly validate: (value: unknown, about: ValidationArguments) => unknown;
  /** One object for all calls: constraints look at it and do not keep it. */
  readonly about: { -readonly [Name in keyof ValidationArguments]: ValidationArguments[Name] };
  /** Applies to the elements when the value is an array. */
  readonly isOfElements: boolean;
}

interface PropertyRule {
  readonly name: string;
  /** The property is looked at when all of them hold. */
  readonly conditions: readonly ((object: unknown, value: unknown) => boolean)[];
  readonly constraints: readonly Constraint[];
  readonly nested: QuickCheck | null;
}

type Declared = ReturnType<ReturnType<typeof getMetadataStorage>['getTargetValidationMetadatas']>[number];
/** More of it is missing than the library's types say. */
type Metadata = Omit<Declared, 'constraints' | 'groups'> & {
  readonly constraints: readonly unknown[] | undefined;
  readonly groups: readonly string[] | undefined;
};

/**
 * Compiles the class-validator decorators of a class into one synchronous check, without the library's
 * executor, which gathers the decorators anew and builds its error tree on every call. The check says yes
 * or "ask the pipe", never why: the pipe finds the words.
 *
 * The constraints themselves are the library's own functions, so there is one source of truth. Null when
 * a class uses something that a check of a plain object cannot honour: transformations, default values,
 * groups, asynchronous or conditional constraints.
 */
export function compileQuickCheck<T extends object>(dto: DtoClass<T>): QuickCheck<T> | null {
  const metadata: Metadata[] = getMetadataStorage().getTargetValidationMetadatas(dto, dto.name, false, false);
  const hasDefaults = Object.values(new dto()).some((value) => value !== undefined);
  if (metadata.length === 0 || hasDefaults || isTransformed(dto, metadata)) return null;

  const rules = new Map<string, PropertyRule>();
  for (const name of new Set(metadata.map(({ propertyName }) => propertyName))) {
    const own = metadata.filter(({ propertyName }) => propertyName === name);
    const rule = compileRule(dto, name, own);
    if (rule === null) return null;
    rules.set(name, rule);
  }
  const list = [...rules.values()];

  return (value): value is T => {
    if (!isPlainObject(value)) return false;
    for (const name of Object.keys(value)) if (!rules.has(name)) return false;
    for (const rule of list) if (!conforms(rule, value)) return false;
    return true;
  };
}

function compileRule(dto: DtoClass, name: string, metadata: readonly Metadata[]): PropertyRule | null {
  const conditions: PropertyRule['conditions'][number][] = [];
  const constraints: Constraint[] = [];
  let nested: QuickCheck | null = null;
  for (const entry of metadata) {
    if ((entry.groups?.length ?? 0) > 0 || entry.validateIf !== undefined) return null;
    switch (entry.type) {
      case ValidationTypes.WHITELIST:
        break;
      case ValidationTypes.CONDITIONAL_VALIDATION:
        conditions.push(entry.constraints?.[0] as PropertyRule['conditions'][number]);
        break;
      case ValidationTypes.NESTED_VALIDATION: {
        const type = nestedTypeOf(dto, name);
        nested = type === null ? null : compileQuickCheck(type);
        if (nested === null) return null;
        break;
      }
      case ValidationTypes.CUSTOM_VALIDATION:
      case ValidationTypes.IS_DEFINED: {
        const found = getMetadataStorage().getTargetValidatorConstraints(entry.constraintCls);
        if (found.length === 0 || found.some(({ async }) => async)) return null;
        const about = {
          targetName: dto.name,
          property: name,
          object: {},
          value: undefined,
          constraints: [...(entry.constraints ?? [])],
        };
        for (const { instance } of found) {
          const validate = instance.validate.bind(instance);
          constraints.push({ validate, about, isOfElements: entry.each });
        }
        break;
      }
      default:
        return null;
    }
  }
  return { name, conditions, constraints, nested };
}

function conforms({ name, conditions, constraints, nested }: PropertyRule, object: PlainObject): boolean {
  const value = object[name];
  for (const holds of conditions) if (!holds(object, value)) return true;
  for (const { validate, about, isOfElements } of constraints) {
    about.object = object;
    about.value = value;
    // Anything but true is left to the pipe, a promise among it.
    const isValid =
      isOfElements && Array.isArray(value)
        ? value.every((element) => validate(element, about) === true)
        : validate(value, about) === true;
    if (!isValid) return false;
  }
  if (nested === null || value === undefined) return true;
  return Array.isArray(value) ? value.every((element) => nested(element)) : nested(value);
}

/** Whether class-transformer would do anything but copy, apart from making nested classes. */
function isTransformed(dto: DtoClass, metadata: readonly Metadata[]): boolean {
  if (transformations.getExposedMetadatas(dto).length > 0) return true;
  if (transformations.getExcludedMetadatas(dto).length > 0) return true;
  return metadata.some(({ propertyName }) => {
    if (
      transformations.findTransformMetadatas(dto, propertyName, TransformationType.PLAIN_TO_CLASS).length > 0
    )
      return true;
    const isNested = metadata.some(
      (other) => other.propertyName === propertyName && other.type === ValidationTypes.NESTED_VALIDATION,
    );
    return !isNested && nestedTypeOf(dto, propertyName) !== null;
  });
}

/** What `@Type` makes of a property; null without one. */
function nestedTypeOf(dto: DtoClass, property: string): DtoClass | null {
  const found = transformations.findTypeMetadata(dto, property) as { typeFunction(): unknown } | undefined;
  return found === undefined ? null : (found.typeFunction() as DtoClass);
}

type PlainObject = Readonly<Record<string, unknown>>;

function isPlainObject(value: unknown): value is PlainObject {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

import { type ArgumentMetadata, ValidationPipe } from '@nestjs/common';
import type { ValidationError } from 'class-validator';
import { type FieldError, Problem } from '../../common/problem.js';
import { compileQuickCheck, type DtoClass, type QuickCheck } from '../../core/validation/index.js';

/** Unknown fields are refused, so that a misspelt one is never silently without effect. */
export class BodyValidationPipe extends ValidationPipe {
  private readonly checks = new WeakMap<object, { readonly check: QuickCheck | null }>();

  constructor() {
    super({
      whitelist: true,
      forbidNonWhitelisted: true,
      forbidUnknownValues: true,
      transform: true,
      stopAtFirstError: true,
      validationError: { target: false, value: false },
      exceptionFactory: (errors) =>
        new Problem('VALIDATION_FAILED', { errors: errors.flatMap((error) => flatten(error, '')) }),
    });
  }

  /** A valid body passes at once; the library is asked about any other, and says what is wrong with it. */
  override transform(value: unknown, metadata: ArgumentMetadata): Promise<unknown> {
    if (metadata.type === 'body' && metadata.metatype !== undefined) {
      const check = this.checkOf(metadata.metatype as DtoClass);
      if (check?.(value) === true) return Promise.resolve(value);
    }
    return super.transform(value, metadata);
  }

  private checkOf(dto: DtoClass): QuickCheck | null {
    let entry = this.checks.get(dto);
    if (entry === undefined) {
      entry = { check: compileQuickCheck(dto) };
      this.checks.set(dto, entry);
    }
    return entry.check;
  }
}

function flatten(error: ValidationError, parent: string): FieldError[] {
  const pointer = `${parent}/${error.property.replaceAll('~', '~0').replaceAll('/', '~1')}`;
  const own = Object.values(error.constraints ?? {}).map((detail) => ({ pointer, detail }));
  return [...own, ...(error.children ?? []).flatMap((child) => flatten(child, pointer))];
}

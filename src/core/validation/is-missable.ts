import { ValidateIf } from 'class-validator';

/** Optional, but not null: only what may be missing in the document may be missing in the body. */
export const IsMissable = (): PropertyDecorator => ValidateIf((_, value: unknown) => value !== undefined);

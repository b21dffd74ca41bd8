import { applyDecorators } from '@nestjs/common';
import { IsString, Length, Matches } from 'class-validator';

const LINE = /^(?=\s*\S)[^\p{Cc}\u2028\u2029]*$/u;

/** {@link IsLine} for the description of an API. */
export const LINE_PATTERN = LINE.source;

/** One line that is not blank, without control characters, of at most so many characters. */
export const IsLine = (lengthMax: number): PropertyDecorator =>
  applyDecorators(
    Matches(LINE, { message: '$property should be one line that is not blank' }),
    Length(1, lengthMax),
    IsString(),
  );

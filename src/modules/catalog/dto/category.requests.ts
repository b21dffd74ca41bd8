import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import {
  IsInt,
  IsNotEmpty,
  IsString,
  IsUUID,
  Matches,
  Max,
  MaxLength,
  Min,
  ValidateIf,
} from 'class-validator';
import { NAME_LENGTH_MAX, SLUG_LENGTH_MAX, SLUG_PATTERN } from '../catalog-limits.js';
import { IsMissable } from '../../../core/validation/index.js';

const POSITION_MAX = 1_000_000;

export class CreateCategoryRequest {
  @ApiProperty({ type: String, maxLength: SLUG_LENGTH_MAX, pattern: SLUG_PATTERN.source })
  @IsString()
  @MaxLength(SLUG_LENGTH_MAX)
  @Matches(SLUG_PATTERN, { message: 'slug must be lower-case words joined by hyphens' })
  readonly slug!: string;

  @ApiProperty({ type: String, minLength: 1, maxLength: NAME_LENGTH_MAX })
  @IsString()
  @IsNotEmpty()
  @MaxLength(NAME_LENGTH_MAX)
  @Matches(/\S/, { message: 'name must not be blank' })
  readonly name!: string;

  @ApiPropertyOptional({
    type: String,
    nullable: true,
    format: 'uuid',
    description: 'Null or missing for a root',
  })
  @ValidateIf((_, value: unknown) => value !== undefined && value !== null)
  @IsUUID()
  readonly parentId?: string | null;

  @ApiPropertyOptional({ type: 'integer', minimum: -POSITION_MAX, maximum: POSITION_MAX, default: 0 })
  @IsMissable()
  @IsInt()
  @Min(-POSITION_MAX)
  @Max(POSITION_MAX)
  readonly position?: number;
}

export class PatchCategoryRequest {
  @ApiPropertyOptional({ type: String, maxLength: SLUG_LENGTH_MAX, pattern: SLUG_PATTERN.source })
  @IsMissable()
  @IsString()
  @MaxLength(SLUG_LENGTH_MAX)
  @Matches(SLUG_PATTERN, { message: 'slug must be lower-case words joined by hyphens' })
  readonly slug?: string;

  @ApiPropertyOptional({ type: String, minLength: 1, maxLength: NAME_LENGTH_MAX })
  @IsMissable()
  @IsString()
  @IsNotEmpty()
  @MaxLength(NAME_LENGTH_MAX)
  @Matches(/\S/, { message: 'name must not be blank' })
  readonly name?: string;

  @ApiPropertyOptional({ type: String, nullable: true, format: 'uuid', description: 'Null makes it a root' })
  @ValidateIf((_, value: unknown) => value !== undefined && value !== null)
  @IsUUID()
  readonly parentId?: string | null;

  @ApiPropertyOptional({ type: 'integer', minimum: -POSITION_MAX, maximum: POSITION_MAX })
  @IsMissable()
  @IsInt()
  @Min(-POSITION_MAX)
  @Max(POSITION_MAX)
  readonly position?: number;
}

import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayUnique,
  IsArray,
  IsIn,
  IsNotEmpty,
  IsObject,
  IsString,
  IsUUID,
  Matches,
  MaxLength,
  ValidateIf,
  ValidateNested,
} from 'class-validator';
import type { ProductStatus } from '../catalog-input.js';
import {
  DESCRIPTION_LENGTH_MAX,
  NAME_LENGTH_MAX,
  SLUG_LENGTH_MAX,
  SLUG_PATTERN,
  VARIANTS_PER_PRODUCT_MAX,
} from '../catalog-limits.js';
import { IsMissable } from '../../../core/validation/index.js';
import { CreateVariantRequest } from './variant.requests.js';

const STATUSES: readonly ProductStatus[] = ['draft', 'active', 'archived'];
const SLUG_MESSAGE = { message: 'slug must be lower-case words joined by hyphens' };
const NAME_MESSAGE = { message: 'name must not be blank' };

export class CreateProductRequest {
  @ApiProperty({ type: String, maxLength: SLUG_LENGTH_MAX, pattern: SLUG_PATTERN.source })
  @IsString()
  @MaxLength(SLUG_LENGTH_MAX)
  @Matches(SLUG_PATTERN, SLUG_MESSAGE)
  readonly slug!: string;

  @ApiProperty({ type: String, minLength: 1, maxLength: NAME_LENGTH_MAX })
  @IsString()
  @IsNotEmpty()
  @MaxLength(NAME_LENGTH_MAX)
  @Matches(/\S/, NAME_MESSAGE)
  readonly name!: string;

  @ApiPropertyOptional({ type: String, maxLength: DESCRIPTION_LENGTH_MAX })
  @IsMissable()
  @IsString()
  @MaxLength(DESCRIPTION_LENGTH_MAX)
  readonly description?: string;

  @ApiPropertyOptional({ type: String, nullable: true, format: 'uuid' })
  @ValidateIf((_, value: unknown) => value !== undefined && value !== null)
  @IsUUID()
  readonly categoryId?: string | null;

  @ApiPropertyOptional({ enum: STATUSES, default: 'active' })
  @IsMissable()
  @IsIn(STATUSES)
  readonly status?: ProductStatus;

  @ApiProperty({ type: () => [CreateVariantRequest], maxItems: VARIANTS_PER_PRODUCT_MAX })
  @IsArray()
  @ArrayMaxSize(VARIANTS_PER_PRODUCT_MAX)
  @ArrayUnique((variant: CreateVariantRequest | null) => variant?.sku, { message: 'a sku comes twice' })
  @IsObject({ each: true })
  @ValidateNested({ each: true })
  @Type(() => CreateVariantRequest)
  readonly variants!: CreateVariantRequest[];
}

export class PatchProductRequest {
  @ApiPropertyOptional({ type: String, maxLength: SLUG_LENGTH_MAX, pattern: SLUG_PATTERN.source })
  @IsMissable()
  @IsString()
  @MaxLength(SLUG_LENGTH_MAX)
  @Matches(SLUG_PATTERN, SLUG_MESSAGE)
  readonly slug?: string;

  @ApiPropertyOptional({ type: String, minLength: 1, maxLength: NAME_LENGTH_MAX })
  @IsMissable()
  @IsString()
  @IsNotEmpty()
  @MaxLength(NAME_LENGTH_MAX)
  @Matches(/\S/, NAME_MESSAGE)
  readonly name?: string;

  @ApiPropertyOptional({ type: String, maxLength: DESCRIPTION_LENGTH_MAX })
  @IsMissable()
  @IsString()
  @MaxLength(DESCRIPTION_LENGTH_MAX)
  readonly description?: string;

  @ApiPropertyOptional({
    type: String,
    nullable: true,
    format: 'uuid',
    description: 'Null takes it out of its category',
  })
  @ValidateIf((_, value: unknown) => value !== undefined && value !== null)
  @IsUUID()
  readonly categoryId?: string | null;

  @ApiPropertyOptional({ enum: STATUSES })
  @IsMissable()
  @IsIn(STATUSES)
  readonly status?: ProductStatus;
}

import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayUnique,
  IsArray,
  IsInt,
  IsObject,
  IsString,
  Matches,
  Max,
  MaxLength,
  Min,
  registerDecorator,
  ValidateNested,
} from 'class-validator';
import { PRICE_AMOUNT_MINOR_MAX } from '../../../common/money.js';
import { IsMissable } from '../../../core/validation/index.js';
import { optionsFault } from '../catalog-input.js';
import { PRICES_PER_VARIANT_MAX, SKU_LENGTH_MAX, SKU_PATTERN } from '../catalog-limits.js';

/** A flat object of short texts, such as `{"Color": "Matte Black"}`. */
const IsVariantOptions = (): PropertyDecorator => (target, propertyName) => {
  registerDecorator({
    name: 'isVariantOptions',
    target: target.constructor,
    propertyName: String(propertyName),
    validator: {
      validate: (value: unknown) =>
        typeof value === 'object' && value !== null && optionsFault(value as Record<string, string>) === null,
      defaultMessage: (details) =>
        optionsFault((details?.value ?? {}) as Record<string, string>) ?? 'not options',
    },
  });
};

export class PriceRequest {
  @ApiProperty({ type: 'integer', minimum: 0, maximum: PRICE_AMOUNT_MINOR_MAX, description: 'Minor units' })
  @IsInt()
  @Min(0)
  @Max(PRICE_AMOUNT_MINOR_MAX)
  readonly amount!: number;

  @ApiProperty({ type: String, pattern: '^[A-Z]{3}$', description: 'ISO 4217' })
  @IsString()
  @Matches(/^[A-Z]{3}$/, { message: 'currency must be three capital letters (ISO 4217)' })
  readonly currency!: string;
}

export class CreateVariantRequest {
  @ApiProperty({ type: String, maxLength: SKU_LENGTH_MAX })
  @IsString()
  @MaxLength(SKU_LENGTH_MAX)
  @Matches(SKU_PATTERN, { message: 'sku must be visible ASCII without spaces at its ends' })
  readonly sku!: string;

  @ApiPropertyOptional({ type: 'object', additionalProperties: { type: 'string' } })
  @IsMissable()
  @IsObject()
  @IsVariantOptions()
  readonly options?: Record<string, string>;

  @ApiProperty({ type: () => [PriceRequest], description: 'At most one per currency' })
  @IsArray()
  @ArrayMaxSize(PRICES_PER_VARIANT_MAX)
  @ArrayUnique((price: PriceRequest | null) => price?.currency, { message: 'a currency comes twice' })
  @IsObject({ each: true })
  @ValidateNested({ each: true })
  @Type(() => PriceRequest)
  readonly prices!: PriceRequest[];
}

export class PatchVariantRequest {
  @ApiPropertyOptional({ type: String, maxLength: SKU_LENGTH_MAX })
  @IsMissable()
  @IsString()
  @MaxLength(SKU_LENGTH_MAX)
  @Matches(SKU_PATTERN, { message: 'sku must be visible ASCII without spaces at its ends' })
  readonly sku?: string;

  @ApiPropertyOptional({ type: 'object', additionalProperties: { type: 'string' } })
  @IsMissable()
  @IsObject()
  @IsVariantOptions()
  readonly options?: Record<string, string>;

  @ApiPropertyOptional({
    type: () => [PriceRequest],
    description: 'Sets these currencies; the others keep their price',
  })
  @IsMissable()
  @IsArray()
  @ArrayMaxSize(PRICES_PER_VARIANT_MAX)
  @ArrayUnique((price: PriceRequest | null) => price?.currency, { message: 'a currency comes twice' })
  @IsObject({ each: true })
  @ValidateNested({ each: true })
  @Type(() => PriceRequest)
  readonly prices?: PriceRequest[];
}

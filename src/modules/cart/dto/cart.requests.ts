import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsInt, IsOptional, IsUUID, Matches, Max, Min } from 'class-validator';

/** No configuration allows more; up to here it is the cart's limit that refuses. */
const QUANTITY_MAX = 100_000;

export class AddCartLineDto {
  @ApiProperty({ format: 'uuid' })
  @IsUUID()
  variantId!: string;

  @ApiProperty({ minimum: 1, maximum: QUANTITY_MAX, description: 'Added to what the cart holds already' })
  @IsInt()
  @Min(1)
  @Max(QUANTITY_MAX)
  quantity!: number;
}

export class ChangeCartLineDto {
  @ApiProperty({ minimum: 1, maximum: QUANTITY_MAX, description: 'In place of what the line holds' })
  @IsInt()
  @Min(1)
  @Max(QUANTITY_MAX)
  quantity!: number;
}

export class CartQuery {
  @ApiPropertyOptional({ description: 'Currency of the prices (ISO 4217); the shop’s default when absent' })
  @IsOptional()
  @Matches(/^[A-Z]{3}$/, { message: 'currency must be three capital letters' })
  currency?: string;
}

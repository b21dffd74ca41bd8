import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayMinSize,
  IsArray,
  IsDefined,
  IsInt,
  IsISO31661Alpha2,
  IsObject,
  IsOptional,
  IsString,
  IsUUID,
  Matches,
  Max,
  Min,
  ValidateIf,
  ValidateNested,
} from 'class-validator';
import { IsLine, IsMissable, LINE_PATTERN } from '../../../core/validation/index.js';

/** The absolute bounds; configuration can only be stricter. */
const LINES_MAX = 500;
const QUANTITY_MAX = 100_000;

export class OrderLineRequest {
  @ApiProperty({ format: 'uuid' })
  @IsUUID()
  variantId!: string;

  @ApiProperty({ minimum: 1 })
  @IsInt()
  @Min(1)
  @Max(QUANTITY_MAX)
  quantity!: number;
}

export class AddressDto {
  @ApiProperty({ maxLength: 100, pattern: LINE_PATTERN }) @IsLine(100) name!: string;
  @ApiProperty({ maxLength: 200, pattern: LINE_PATTERN }) @IsLine(200) line1!: string;
  @ApiPropertyOptional({ maxLength: 200, pattern: LINE_PATTERN }) @IsOptional() @IsLine(200) line2?: string;
  @ApiProperty({ maxLength: 100, pattern: LINE_PATTERN }) @IsLine(100) city!: string;
  @ApiPropertyOptional({ maxLength: 100, pattern: LINE_PATTERN }) @IsOptional() @IsLine(100) region?: string;
  @ApiProperty({ maxLength: 20, pattern: LINE_PATTERN }) @IsLine(20) postalCode!: string;
  @ApiProperty({ description: 'ISO 3166-1 alpha-2', example: 'ES' }) @IsISO31661Alpha2() country!: string;
  @ApiPropertyOptional({ maxLength: 30 })
  @IsOptional()
  @IsString()
  @Matches(/^[+\d][\d ()-]{3,29}$/)
  phone?: string;
}

export class PlaceOrderDto {
  @ApiPropertyOptional({ type: [OrderLineRequest], description: 'Either lines or cartId' })
  @ValidateIf((dto: PlaceOrderDto) => dto.cartId === undefined || dto.lines !== undefined)
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(LINES_MAX)
  @IsObject({ each: true })
  @ValidateNested({ each: true })
  @Type(() => OrderLineRequest)
  lines?: OrderLineRequest[];

  @ApiPropertyOptional({ format: 'uuid', description: "The buyer's own cart, which is emptied by the order" })
  @IsMissable()
  @IsUUID()
  cartId?: string;

  @ApiPropertyOptional({
    example: 'EUR',
    description: 'ISO 4217; the default currency of the shop when absent',
  })
  @IsOptional()
  @Matches(/^[A-Z]{3}$/, { message: 'currency must be three capital letters' })
  currency?: string;

  @ApiProperty({ type: AddressDto })
  @IsDefined()
  @IsObject()
  @ValidateNested()
  @Type(() => AddressDto)
  shippingAddress!: AddressDto;
}

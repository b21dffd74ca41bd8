import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';

export class CartMoneyDto {
  @ApiProperty({ description: 'Minor units of the currency' }) amount!: number;
  @ApiProperty({ example: 'USD' }) currency!: string;
}

export class CartLineDto {
  @ApiProperty({ format: 'uuid' }) id!: string;
  @ApiProperty({ format: 'uuid' }) variantId!: string;
  @ApiProperty() sku!: string;
  @ApiProperty({ description: 'Name of the product' }) name!: string;
  @ApiProperty({ type: 'object', additionalProperties: { type: 'string' } }) options!: Record<string, string>;
  @ApiProperty() quantity!: number;
  @ApiProperty({
    type: CartMoneyDto,
    nullable: true,
    description: 'Null: the variant has no price in this currency',
  })
  unitPrice!: CartMoneyDto | null;
  @ApiProperty({ type: CartMoneyDto, nullable: true }) total!: CartMoneyDto | null;
  @ApiProperty({ description: 'Units that could be sold at this moment; nothing is reserved' })
  available!: number;
}

export class CartMergeDto {
  @ApiProperty({ description: 'Lines of the guest that are in this cart now' }) mergedLines!: number;
  @ApiProperty({ description: 'Those of them that were cut to the largest quantity of one line' })
  cappedLines!: number;
  @ApiProperty({ description: 'Lines that found no room' }) droppedLines!: number;
}

export class CartDto {
  @ApiProperty({
    type: String,
    format: 'uuid',
    nullable: true,
    description: 'Null as long as nothing was put in',
  })
  id!: string | null;
  @ApiProperty({ description: 'Grows with every write; also the ETag' }) version!: number;
  @ApiProperty({ example: 'USD' }) currency!: string;
  @ApiProperty({ type: [CartLineDto] }) lines!: readonly CartLineDto[];
  @ApiProperty({
    type: CartMoneyDto,
    nullable: true,
    description: 'Null when a line has no price in this currency',
  })
  subtotal!: CartMoneyDto | null;
  @ApiPropertyOptional({
    type: CartMergeDto,
    description: 'Only in the answer to the request that merged a guest’s cart into this one',
  })
  merge?: CartMergeDto;
}

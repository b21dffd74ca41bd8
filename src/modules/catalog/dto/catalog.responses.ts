import { ApiProperty } from '@nestjs/swagger';

export class PriceResponse {
  @ApiProperty({ type: 'integer', minimum: 0, description: 'Minor units of the currency', example: 87999 })
  readonly amount!: number;

  @ApiProperty({ type: String, description: 'ISO 4217', example: 'USD' })
  readonly currency!: string;
}

export class VariantResponse {
  @ApiProperty({ type: String, format: 'uuid' })
  readonly id!: string;

  @ApiProperty({ type: String, example: 'AUTOMATIC-ESPRESSO-MACHINE-MATTE-BLACK' })
  readonly sku!: string;

  @ApiProperty({
    type: 'object',
    additionalProperties: { type: 'string' },
    example: { Color: 'Matte Black' },
  })
  readonly options!: Record<string, string>;

  @ApiProperty({
    type: () => PriceResponse,
    nullable: true,
    description: 'In the currency asked for; null when the variant is not sold in it',
  })
  readonly price!: PriceResponse | null;

  @ApiProperty({ type: 'integer', minimum: 0, description: 'Units that can be bought now' })
  readonly available!: number;
}

export class ProductResponse {
  @ApiProperty({ type: String, format: 'uuid' })
  readonly id!: string;

  @ApiProperty({ type: String, example: 'automatic-espresso-machine' })
  readonly slug!: string;

  @ApiProperty({ type: String })
  readonly name!: string;

  @ApiProperty({ type: String })
  readonly description!: string;

  @ApiProperty({ type: String, nullable: true, format: 'uuid' })
  readonly categoryId!: string | null;

  @ApiProperty({ type: () => [VariantResponse] })
  readonly variants!: VariantResponse[];
}

export class ProductListResponse {
  @ApiProperty({ type: () => [ProductResponse] })
  readonly items!: ProductResponse[];

  @ApiProperty({
    type: String,
    nullable: true,
    description: 'Send it as `cursor` for the next page; null on the last',
  })
  readonly nextCursor!: string | null;
}

export class CategoryResponse {
  @ApiProperty({ type: String, format: 'uuid' })
  readonly id!: string;

  @ApiProperty({ type: String, example: 'kitchen' })
  readonly slug!: string;

  @ApiProperty({ type: String })
  readonly name!: string;

  @ApiProperty({ type: String, nullable: true, format: 'uuid', description: 'Null for a root' })
  readonly parentId!: string | null;

  @ApiProperty({ type: 'integer', description: 'Order among its siblings' })
  readonly position!: number;
}

export class CategoryListResponse {
  @ApiProperty({ type: () => [CategoryResponse] })
  readonly items!: CategoryResponse[];

  @ApiProperty({
    type: String,
    nullable: true,
    description: 'Send it as `cursor` for the next page; null on the last',
  })
  readonly nextCursor!: string | null;
}

export class AdminVariantResponse {
  @ApiProperty({ type: String, format: 'uuid' })
  readonly id!: string;

  @ApiProperty({ type: String })
  readonly sku!: string;

  @ApiProperty({ type: 'object', additionalProperties: { type: 'string' } })
  readonly options!: Record<string, string>;

  @ApiProperty({ type: () => [PriceResponse], description: 'One per currency, by currency' })
  readonly prices!: PriceResponse[];
}

export class AdminProductResponse {
  @ApiProperty({ type: String, format: 'uuid' })
  readonly id!: string;

  @ApiProperty({ type: String })
  readonly slug!: string;

  @ApiProperty({ type: String })
  readonly name!: string;

  @ApiProperty({ type: String })
  readonly description!: string;

  @ApiProperty({ type: String, nullable: true, format: 'uuid' })
  readonly categoryId!: string | null;

  @ApiProperty({ enum: ['draft', 'active', 'archived'], description: 'Only active products are public' })
  readonly status!: string;

  @ApiProperty({
    type: 'integer',
    description: 'Grows with each administrative write; the ETag is "v<version>"',
  })
  readonly version!: number;

  @ApiProperty({ type: String, format: 'date-time' })
  readonly createdAt!: string;

  @ApiProperty({ type: String, format: 'date-time' })
  readonly updatedAt!: string;

  @ApiProperty({ type: () => [AdminVariantResponse] })
  readonly variants!: AdminVariantResponse[];
}

import type { Type } from '@nestjs/common';
import { ApiProperty } from '@nestjs/swagger';

export class PriceResponse {
  @ApiProperty({ type: 'integer', minimum: 0, description: 'Minor units of the currency', example: 87999 })
  readonly amount!: number;

  @ApiProperty({ type: String, description: 'ISO 4217', example: 'USD' })
  readonly currency!: string;
}

/** What everybody sees of a variant. */
class VariantFields {
  @ApiProperty({ type: String, format: 'uuid' })
  readonly id!: string;

  @ApiProperty({ type: String })
  readonly sku!: string;

  @ApiProperty({ type: 'object', additionalProperties: { type: 'string' } })
  readonly options!: Record<string, string>;
}

export class VariantResponse extends VariantFields {
  @ApiProperty({ example: 'AUTOMATIC-ESPRESSO-MACHINE-MATTE-BLACK' })
  declare readonly sku: string;

  @ApiProperty({ example: { Color: 'Matte Black' } })
  declare readonly options: Record<string, string>;

  @ApiProperty({
    type: () => PriceResponse,
    nullable: true,
    description: 'In the currency asked for; null when the variant is not sold in it',
  })
  readonly price!: PriceResponse | null;

  @ApiProperty({ type: 'integer', minimum: 0, description: 'Units that can be bought now' })
  readonly available!: number;
}

export class AdminVariantResponse extends VariantFields {
  @ApiProperty({ type: () => [PriceResponse], description: 'One per currency, by currency' })
  readonly prices!: PriceResponse[];
}

/** What everybody sees of a product. */
class ProductFields {
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
}

export class ProductResponse extends ProductFields {
  @ApiProperty({ example: 'automatic-espresso-machine' })
  declare readonly slug: string;

  @ApiProperty({ type: () => [VariantResponse] })
  readonly variants!: VariantResponse[];
}

export class AdminProductResponse extends ProductFields {
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

/** One page of a list. */
function pageOf<Item>(item: Type<Item>) {
  class Page {
    @ApiProperty({ type: () => [item] })
    readonly items!: Item[];

    @ApiProperty({
      type: String,
      nullable: true,
      description: 'Send it as `cursor` for the next page; null on the last',
    })
    readonly nextCursor!: string | null;
  }
  return Page;
}

export class ProductListResponse extends pageOf(ProductResponse) {}

export class CategoryListResponse extends pageOf(CategoryResponse) {}

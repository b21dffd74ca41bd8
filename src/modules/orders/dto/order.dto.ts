import { ApiProperty } from '@nestjs/swagger';
import { AddressDto } from './place-order.dto.js';

export class MoneyDto {
  @ApiProperty({ description: 'Minor units' }) amount!: number;
  @ApiProperty({ example: 'USD' }) currency!: string;
}

export class OrderLineDto {
  @ApiProperty({ format: 'uuid' }) variantId!: string;
  @ApiProperty() sku!: string;
  @ApiProperty() name!: string;
  @ApiProperty() quantity!: number;
  @ApiProperty({ type: MoneyDto }) unitPrice!: MoneyDto;
  @ApiProperty({ type: MoneyDto }) total!: MoneyDto;
}

export class OrderTotalsDto {
  @ApiProperty({ type: MoneyDto }) subtotal!: MoneyDto;
  @ApiProperty({ type: MoneyDto }) discount!: MoneyDto;
  @ApiProperty({ type: MoneyDto }) shipping!: MoneyDto;
  @ApiProperty({ type: MoneyDto }) tax!: MoneyDto;
  @ApiProperty({ type: MoneyDto }) total!: MoneyDto;
}

export class OrderDto {
  @ApiProperty({ format: 'uuid' }) id!: string;
  @ApiProperty() number!: string;
  @ApiProperty({ enum: ['pending_payment', 'paid', 'cancelled', 'expired', 'refunded'] }) status!: string;
  @ApiProperty({ format: 'date-time' }) reservedUntil!: string;
  @ApiProperty({ format: 'date-time' }) createdAt!: string;
  @ApiProperty({ type: [OrderLineDto] }) lines!: OrderLineDto[];
  @ApiProperty({ type: OrderTotalsDto }) totals!: OrderTotalsDto;
}

export class OrderDetailsDto extends OrderDto {
  @ApiProperty({ type: AddressDto }) shippingAddress!: AddressDto;
}

export class OrderPageDto {
  @ApiProperty({ type: [OrderDto] }) items!: OrderDto[];
  @ApiProperty({ type: String, nullable: true }) nextCursor!: string | null;
}

export class PaymentDto {
  @ApiProperty({ format: 'uuid' }) id!: string;
  @ApiProperty({ format: 'uuid' }) orderId!: string;
  @ApiProperty({ example: 'test' }) provider!: string;
  @ApiProperty({ enum: ['succeeded'] }) status!: string;
  @ApiProperty({ type: MoneyDto }) amount!: MoneyDto;
  @ApiProperty({ enum: ['paid'] }) orderStatus!: string;
}

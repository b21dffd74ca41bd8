import { ApiProperty } from '@nestjs/swagger';
import { IsInt, Max, Min } from 'class-validator';

const ON_HAND_MAX = 1_000_000_000;

export class SetStockDto {
  @ApiProperty({
    minimum: 0,
    maximum: ON_HAND_MAX,
    description: 'Units physically there, reserved ones included',
  })
  @IsInt()
  @Min(0)
  @Max(ON_HAND_MAX)
  onHand!: number;
}

export class StockDto {
  @ApiProperty({ format: 'uuid' }) variantId!: string;
  @ApiProperty() onHand!: number;
  @ApiProperty() reserved!: number;
  @ApiProperty() available!: number;
  @ApiProperty({ description: 'Grows only with administrative writes; 0 before the first one' })
  version!: number;
}

export class MovementDto {
  @ApiProperty({ format: 'uuid' }) id!: string;
  @ApiProperty({ format: 'uuid' }) variantId!: string;
  @ApiProperty({ enum: ['opening', 'adjustment', 'reserve', 'release', 'sale', 'return'] }) kind!: string;
  @ApiProperty() onHandDelta!: number;
  @ApiProperty() reservedDelta!: number;
  @ApiProperty({ type: String, format: 'uuid', nullable: true }) orderId!: string | null;
  @ApiProperty({ format: 'date-time' }) occurredAt!: string;
}

export class MovementPageDto {
  @ApiProperty({ type: [MovementDto] }) items!: MovementDto[];
  @ApiProperty({ type: String, nullable: true }) nextCursor!: string | null;
}

import { ApiProperty } from '@nestjs/swagger';
import { IsIn } from 'class-validator';
import { PAYMENT_PROVIDERS, TEST_TOKENS } from '../../payments/index.js';

export class PayOrderDto {
  @ApiProperty({ enum: PAYMENT_PROVIDERS })
  @IsIn(PAYMENT_PROVIDERS)
  provider!: string;

  @ApiProperty({ enum: TEST_TOKENS })
  @IsIn(TEST_TOKENS)
  token!: string;
}

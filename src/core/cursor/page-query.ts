import { ApiPropertyOptional } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { IsInt, IsOptional, IsString, Max, MaxLength, Min } from 'class-validator';
import { parseDecimalInteger } from '../../common/decimal-integer.js';

const PAGE_LIMIT_DEFAULT = 24;
const PAGE_LIMIT_MAX = 100;
const EXPECTED = { message: `must be an integer from 1 to ${String(PAGE_LIMIT_MAX)}` };

/** What a list without filters is asked for: how many items, and behind which. */
export class PageQuery {
  @ApiPropertyOptional({ minimum: 1, maximum: PAGE_LIMIT_MAX, default: PAGE_LIMIT_DEFAULT })
  @IsOptional()
  @Transform(({ value }) => parseDecimalInteger(value))
  @IsInt(EXPECTED)
  @Min(1, EXPECTED)
  @Max(PAGE_LIMIT_MAX, EXPECTED)
  limit: number = PAGE_LIMIT_DEFAULT;

  @ApiPropertyOptional()
  @IsOptional()
  @IsString()
  @MaxLength(512)
  cursor?: string;
}

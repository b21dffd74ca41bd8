import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { IsDate, IsOptional, IsString, Matches, MaxLength } from 'class-validator';
import { PageQuery } from '../cursor/index.js';

const NAME_MAX = 200;
const VISIBLE = /^[\u0021-\u007e]+$/;
const VISIBLE_MESSAGE = { message: 'must be visible ASCII characters' };
const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})$/;
const TIME_MESSAGE = { message: 'must be an RFC 3339 time such as 2026-11-22T09:30:00Z' };

/** NaN for what is no time, which the check behind it refuses. */
function toTime({ value }: { value: unknown }): Date {
  return new Date(typeof value === 'string' && TIME.test(value) ? value : NaN);
}

export class AuditListQuery extends PageQuery {
  @ApiPropertyOptional({ description: 'Who acted: `user:<id>`, `anonymous`, `system:<name>`' })
  @IsOptional()
  @IsString()
  @MaxLength(NAME_MAX)
  @Matches(VISIBLE, VISIBLE_MESSAGE)
  actor?: string;

  @ApiPropertyOptional({ description: 'What was done, such as `order.placed`' })
  @IsOptional()
  @IsString()
  @MaxLength(NAME_MAX)
  @Matches(VISIBLE, VISIBLE_MESSAGE)
  action?: string;

  @ApiPropertyOptional({ description: 'To what: `order:<id>`, or `order` for all of them' })
  @IsOptional()
  @IsString()
  @MaxLength(NAME_MAX)
  @Matches(VISIBLE, VISIBLE_MESSAGE)
  resource?: string;

  @ApiPropertyOptional({ type: String, format: 'date-time', description: 'Not before' })
  @IsOptional()
  @Transform(toTime)
  @IsDate(TIME_MESSAGE)
  from?: Date;

  @ApiPropertyOptional({ type: String, format: 'date-time', description: 'Before' })
  @IsOptional()
  @Transform(toTime)
  @IsDate(TIME_MESSAGE)
  to?: Date;
}

export class AuditRecordDto {
  @ApiProperty({ format: 'uuid' })
  id!: string;

  @ApiProperty({ format: 'date-time' })
  occurredAt!: string;

  @ApiProperty({ description: 'The chain that the entry is a link of' })
  chain!: number;

  @ApiProperty({ description: 'Its position in the chain; a decimal integer' })
  seq!: string;

  @ApiProperty()
  actor!: string;

  @ApiProperty()
  action!: string;

  @ApiProperty()
  resource!: string;

  @ApiProperty({
    type: 'object',
    additionalProperties: true,
    description:
      '`class`, and where known `before`, `after`, `cause`, `ip`, `requestId`, `traceId`, `traceparent`',
  })
  details!: Record<string, unknown>;
}

export class AuditPageDto {
  @ApiProperty({ type: [AuditRecordDto] })
  items!: AuditRecordDto[];

  @ApiProperty({ type: String, nullable: true })
  nextCursor!: string | null;
}

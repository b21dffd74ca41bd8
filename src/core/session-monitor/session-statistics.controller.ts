import { Controller, Get } from '@nestjs/common';
import { ApiBearerAuth, ApiOkResponse, ApiOperation, ApiProperty, ApiTags } from '@nestjs/swagger';
import { RequirePermission } from '../access-control/index.js';
import { SessionMonitor, type SessionStatistics } from './session-monitor.js';

const COUNTS = { type: 'object', additionalProperties: { type: 'integer' } } as const;

class BusyUserDto {
  @ApiProperty({ description: 'The same for the same user in every run; it does not lead to the account' })
  name!: string;

  @ApiProperty({ type: 'integer' })
  sessions!: number;
}

class SessionStatisticsDto {
  @ApiProperty({ format: 'date-time' })
  takenAt!: string;

  @ApiProperty({ type: 'integer', description: 'Users with a live session' })
  users!: number;

  @ApiProperty({ type: 'integer' })
  sessions!: number;

  @ApiProperty({ type: 'integer', description: 'Sessions that were used within a quarter of an hour' })
  inUse!: number;

  @ApiProperty(COUNTS)
  byAge!: SessionStatistics['byAge'];

  @ApiProperty(COUNTS)
  byDevice!: SessionStatistics['byDevice'];

  @ApiProperty({ type: [BusyUserDto] })
  busiestUsers!: BusyUserDto[];
}

class SessionStatisticsAnswerDto {
  @ApiProperty({ type: SessionStatisticsDto, nullable: true, description: 'null before the first run' })
  statistics!: SessionStatistics | null;
}

@ApiTags('admin: sessions')
@ApiBearerAuth()
@Controller('admin/sessions')
export class SessionStatisticsController {
  constructor(private readonly monitor: SessionMonitor) {}

  @Get('statistics')
  @RequirePermission('read:sessions')
  @ApiOperation({ summary: 'The live sessions of the fleet, as of the last run of the session monitor' })
  @ApiOkResponse({ type: SessionStatisticsAnswerDto })
  async statistics(): Promise<SessionStatisticsAnswerDto> {
    return { statistics: await this.monitor.statistics() };
  }
}

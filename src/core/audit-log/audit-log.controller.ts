import { Controller, Get, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { RequirePermission } from '../access-control/index.js';
import { CursorCodec } from '../cursor/index.js';
import { AuditLog } from './audit-log.js';
import { AuditListQuery, AuditPageDto } from './audit-log.dto.js';
import { Audited, type AuditedBy } from './audit-origin.js';
import { AuditQuery } from './audit-query.js';

@ApiTags('admin: audit log')
@ApiBearerAuth()
@Controller('admin/audit')
export class AuditLogController {
  constructor(
    private readonly entries: AuditQuery,
    private readonly audit: AuditLog,
    private readonly cursors: CursorCodec,
  ) {}

  @Get()
  @RequirePermission('read:audit')
  @ApiOperation({ summary: 'Who did what to what, newest first', description: 'Asking is an entry as well.' })
  @ApiOkResponse({ type: AuditPageDto })
  async list(@Audited() by: AuditedBy, @Query() query: AuditListQuery): Promise<AuditPageDto> {
    const { limit, cursor, ...filter } = query;
    const scope = `audit:${JSON.stringify([filter.actor, filter.action, filter.resource, filter.from, filter.to])}`;
    const { items, nextCursor } = await this.cursors.pageById(
      scope,
      cursor === undefined ? { limit } : { limit, cursor },
      (page) => this.entries.list(filter, page),
    );
    void this.audit.record({
      class: 'access',
      ...by,
      action: 'audit.read',
      resource: 'audit:log',
      after: filter,
    });
    return { items: items.map((row) => ({ ...row, occurredAt: row.occurredAt.toISOString() })), nextCursor };
  }
}

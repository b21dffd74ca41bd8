import { Controller, Delete, Param } from '@nestjs/common';
import { ApiBearerAuth, ApiOkResponse, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import { isUuid } from '../../common/ids.js';
import { Problem } from '../../common/problem.js';
import { RequireFreshSession, RequirePermission } from '../../core/access-control/index.js';
import { Audited, type AuditedBy } from '../../core/audit-log/index.js';
import { SessionStore } from '../../core/session/index.js';
import { UsersService } from '../users/index.js';
import { AuthAudit } from './auth-audit.js';
import { SessionsEndedResponse } from './sessions.dto.js';

@ApiTags('admin: users')
@ApiBearerAuth()
@Controller('admin/users/:id/sessions')
export class AdminSessionsController {
  constructor(
    private readonly sessions: SessionStore,
    private readonly users: UsersService,
    private readonly audit: AuthAudit,
  ) {}

  @Delete()
  @RequirePermission('write:sessions')
  @RequireFreshSession()
  @ApiOperation({ summary: 'End every session of a user' })
  @ApiOkResponse({ type: SessionsEndedResponse })
  @ApiResponse({ status: 404, description: 'USER_NOT_FOUND' })
  @ApiResponse({
    status: 503,
    description: 'SESSION_STORE_UNAVAILABLE, SESSION_REGION_UNAVAILABLE, DATABASE_UNAVAILABLE',
  })
  async endAll(@Audited() by: AuditedBy, @Param('id') id: string): Promise<SessionsEndedResponse> {
    const userId = id.toLowerCase();
    if (!isUuid(userId) || !(await this.users.exists(userId))) throw new Problem('USER_NOT_FOUND');
    const count = await this.sessions.revokeAll(userId);
    await this.audit.sessionsEnded(by, userId, count);
    return new SessionsEndedResponse(count);
  }
}

import { Controller, Delete, Get, Header, HttpCode, Param } from '@nestjs/common';
import {
  ApiBearerAuth,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiResponse,
  ApiTags,
} from '@nestjs/swagger';
import { Problem } from '../../common/problem.js';
import {
  Authenticated,
  CurrentPrincipal,
  type Principal,
  RequireFreshSession,
} from '../../core/access-control/index.js';
import { Audited, type AuditedBy } from '../../core/audit-log/index.js';
import { SessionStore } from '../../core/session/index.js';
import { AuthAudit } from './auth-audit.js';
import { SessionListResponse, SessionsEndedResponse } from './sessions.dto.js';

/** The devices on which an account is signed in, for its owner. */
@ApiTags('auth')
@ApiBearerAuth()
@Authenticated()
@ApiResponse({ status: 503, description: 'SESSION_STORE_UNAVAILABLE, SESSION_REGION_UNAVAILABLE' })
@Controller('me/sessions')
export class SessionsController {
  constructor(
    private readonly sessions: SessionStore,
    private readonly audit: AuthAudit,
  ) {}

  @Get()
  @Header('Cache-Control', 'no-store')
  @ApiOperation({ summary: 'The sessions of the account' })
  @ApiOkResponse({ type: SessionListResponse })
  async list(@CurrentPrincipal() { userId, sessionId }: Principal): Promise<SessionListResponse> {
    return new SessionListResponse(await this.sessions.list(userId), sessionId);
  }

  @Delete()
  @RequireFreshSession()
  @ApiOperation({
    summary: 'End every session of the account, this one included',
    description: 'Every process refuses their access tokens within moments. Log in again.',
  })
  @ApiOkResponse({ type: SessionsEndedResponse })
  async endAll(
    @CurrentPrincipal() { userId }: Principal,
    @Audited() by: AuditedBy,
  ): Promise<SessionsEndedResponse> {
    const count = await this.sessions.revokeAll(userId);
    await this.audit.sessionsEnded(by, userId, count);
    return new SessionsEndedResponse(count);
  }

  @Delete(':id')
  @HttpCode(204)
  @RequireFreshSession()
  @ApiOperation({ summary: 'End one session of the account' })
  @ApiNoContentResponse({ description: 'Its tokens are refused by every process within moments.' })
  @ApiResponse({ status: 404, description: 'SESSION_NOT_FOUND' })
  async end(
    @CurrentPrincipal() { userId }: Principal,
    @Audited() by: AuditedBy,
    @Param('id') id: string,
  ): Promise<void> {
    if (!(await this.sessions.revokeSession(userId, id))) throw new Problem('SESSION_NOT_FOUND');
    await this.audit.sessionEnded(by, id);
  }
}

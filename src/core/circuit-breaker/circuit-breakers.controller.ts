import { Body, Controller, Get, Param, Put } from '@nestjs/common';
import { ApiBearerAuth, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Problem } from '../../common/problem.js';
import { Logger } from '../../infrastructure/logging/index.js';
import {
  CurrentPrincipal,
  type Principal,
  RequireFreshSession,
  RequirePermission,
} from '../access-control/index.js';
import { Audited, type AuditedBy, AuditLog } from '../audit-log/index.js';
import { CircuitBreakerDto, CircuitBreakersDto, SetCircuitModeDto } from './circuit-breakers.dto.js';
import { DistributedCircuitBreakerService } from './distributed-circuit-breaker.service.js';

@ApiTags('admin: circuit breakers')
@ApiBearerAuth()
@Controller('admin/circuit-breakers')
export class CircuitBreakersController {
  constructor(
    private readonly breakers: DistributedCircuitBreakerService,
    private readonly audit: AuditLog,
    private readonly logger: Logger,
  ) {}

  @Get()
  @RequirePermission('read:circuit-breakers')
  @ApiOperation({ summary: 'The circuit breakers as the answering process sees them' })
  @ApiOkResponse({ type: CircuitBreakersDto })
  list(): CircuitBreakersDto {
    return { items: this.breakers.list() };
  }

  @Put(':name')
  @RequireFreshSession()
  @RequirePermission('write:circuit-breakers')
  @ApiOperation({ summary: 'Set who decides, for every process; `automatic` also closes an open circuit' })
  @ApiOkResponse({ type: CircuitBreakerDto })
  async setMode(
    @CurrentPrincipal() principal: Principal,
    @Audited() by: AuditedBy,
    @Param('name') name: string,
    @Body() { mode }: SetCircuitModeDto,
  ): Promise<CircuitBreakerDto> {
    const before = this.breakers.find(name)?.report().mode;
    const change = await this.breakers.setMode(name, mode);
    const breaker = this.breakers.find(name);
    if (change === 'unknown' || breaker === null) throw new Problem('CIRCUIT_BREAKER_NOT_FOUND');
    if (change === 'off') throw new Problem('CIRCUIT_BREAKER_SWITCHED_OFF');
    if (change === 'lost') throw new Problem('CIRCUIT_BREAKER_STORE_UNAVAILABLE');
    this.logger.warn(
      { breaker: name, mode, userId: principal.userId },
      'the mode of a circuit breaker was set',
    );
    await this.audit.record({
      class: 'security',
      ...by,
      action: 'circuit-breaker.mode-set',
      resource: `circuit-breaker:${name}`,
      before: { mode: before },
      after: { mode },
    });
    return breaker.report();
  }
}

import { Controller, Get, HttpCode, Res } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { HealthCheck, type HealthCheckResult } from '@nestjs/terminus';
import { SkipThrottle } from '@nestjs/throttler';
import type { FastifyReply } from 'fastify';
import { Anonymous } from '../access-control/index.js';
import { OptimizedHealthService } from './optimized-health.service.js';

@ApiTags('health')
@Anonymous()
@SkipThrottle()
@Controller('health')
export class HealthController {
  constructor(private readonly health: OptimizedHealthService) {}

  @Get()
  @HealthCheck()
  @ApiOperation({ summary: 'The dependencies as this process sees them; at most a second old' })
  dependencies(): Promise<HealthCheckResult> {
    return this.health.dependencies();
  }

  @Get('live')
  @HttpCode(200)
  @ApiOperation({ summary: '200 while the process turns its event loop; asks no dependency' })
  live(): { status: 'live' } {
    return { status: 'live' };
  }

  @Get('ready')
  @ApiOperation({
    summary: '200 when the process wants traffic; 503 before its start is over and while it drains',
  })
  ready(@Res({ passthrough: true }) reply: FastifyReply): { status: string } {
    const { phase } = this.health;
    reply.status(phase === 'ready' ? 200 : 503);
    return { status: phase };
  }
}

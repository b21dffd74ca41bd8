import { Controller, Get, Req, Res } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import { SkipThrottle } from '@nestjs/throttler';
import type { FastifyReply } from 'fastify';
import {
  Anonymous,
  type AuthenticatedRequest,
  hasPermission,
  OptionallyAuthenticated,
} from '../access-control/index.js';
import { HealthAnswers, type ProbeAnswer } from './health-answers.js';

const UNAVAILABLE = { status: 503, description: 'not, or not any more' };

@ApiTags('health')
@Anonymous()
@SkipThrottle()
@Controller('health')
export class HealthController {
  constructor(private readonly answers: HealthAnswers) {}

  @Get()
  @OptionallyAuthenticated()
  @ApiBearerAuth()
  @ApiOperation({
    summary:
      'The dependencies as this process sees them, with the age of the report; details for whoever may `read:health`',
  })
  @ApiResponse({ status: 200, description: 'every request is answered, if `degraded` worse than usual' })
  @ApiResponse({ status: 503, description: 'some requests are answered 503, or the process drains' })
  dependencies(
    // The principal as a parameter of its own would pass through the pipes of bodies, at each probe.
    @Req() { principal }: AuthenticatedRequest,
    @Res() reply: FastifyReply,
  ): void | Promise<void> {
    const answer =
      principal !== undefined && hasPermission(principal, 'read:health')
        ? this.answers.details()
        : this.answers.summary();
    if (answer instanceof Promise)
      return answer.then((made) => {
        send(reply, made);
      });
    send(reply, answer);
    return undefined;
  }

  @Get('live')
  @ApiOperation({ summary: '200 while the process turns its event loop; asks no dependency' })
  @ApiResponse({ status: 200 })
  live(@Res() reply: FastifyReply): void {
    send(reply, this.answers.live());
  }

  @Get('ready')
  @ApiOperation({
    summary: '200 when the process wants traffic; 503 before its start is over and while it drains',
  })
  @ApiResponse({ status: 200 })
  @ApiResponse(UNAVAILABLE)
  ready(@Res() reply: FastifyReply): void {
    send(reply, this.answers.ready());
  }

  @Get('startup')
  @ApiOperation({ summary: '503 until the start is over, 200 from then on' })
  @ApiResponse({ status: 200 })
  @ApiResponse({ status: 503, description: 'not yet' })
  startup(@Res() reply: FastifyReply): void {
    send(reply, this.answers.startup());
  }
}

function send(reply: FastifyReply, { status, body }: ProbeAnswer): void {
  void reply
    .status(status)
    .header('Content-Type', 'application/json; charset=utf-8')
    .header('Cache-Control', 'no-store')
    .send(body);
}

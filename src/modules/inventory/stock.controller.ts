import { Body, Controller, Get, Headers, Param, Put, Query, Res } from '@nestjs/common';
import { ApiBearerAuth, ApiHeader, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { isUuid } from '../../common/ids.js';
import { Problem } from '../../common/problem.js';
import {
  CurrentPrincipal,
  type Principal,
  RequireFreshSession,
  RequirePermission,
} from '../../core/access-control/index.js';
import { Audited, type AuditedBy } from '../../core/audit-log/index.js';
import { CursorCodec, PageQuery } from '../../core/cursor/index.js';
import { CONSISTENCY_HEADER, ReadConsistency } from '../../core/read-consistency/index.js';
import { etagOfVersion, requireIfMatch } from '../../core/versioning/index.js';
import { MovementPageDto, SetStockDto, StockDto } from './dto/stock.dto.js';
import { StockService } from './stock.service.js';

@ApiTags('admin: stock')
@ApiBearerAuth()
@Controller('admin/stock/:variantId')
export class StockController {
  constructor(
    private readonly stock: StockService,
    private readonly consistency: ReadConsistency,
    private readonly cursors: CursorCodec,
  ) {}

  @Get()
  @RequirePermission('read:stock')
  @ApiOperation({ summary: 'The stock of a variant, read on the writer' })
  @ApiOkResponse({ type: StockDto, headers: { ETag: { schema: { type: 'string' } } } })
  async get(
    @Param('variantId') variantId: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<StockDto> {
    const record = await this.stock.get(existing(variantId));
    reply.header('ETag', etagOfVersion(record.version));
    return record;
  }

  @Put()
  @RequirePermission('write:stock')
  @RequireFreshSession()
  @ApiOperation({ summary: 'Set the units on hand' })
  @ApiHeader({ name: 'If-Match', required: true })
  @ApiOkResponse({ type: StockDto })
  async set(
    @CurrentPrincipal() principal: Principal,
    @Param('variantId') variantId: string,
    @Headers('if-match') ifMatch: string | undefined,
    @Body() { onHand }: SetStockDto,
    @Audited() by: AuditedBy,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<StockDto> {
    const id = existing(variantId);
    const record = await this.stock.setOnHand(principal, id, onHand, requireIfMatch(ifMatch), by);
    this.consistency.stamp(reply, principal.userId);
    reply.header('ETag', etagOfVersion(record.version));
    return record;
  }

  @Get('movements')
  @RequirePermission('read:stock')
  @ApiOperation({ summary: 'The ledger of a variant, newest first' })
  @ApiOkResponse({ type: MovementPageDto })
  async movements(
    @CurrentPrincipal() principal: Principal,
    @Param('variantId') variantId: string,
    @Query() query: PageQuery,
    @Headers(CONSISTENCY_HEADER) consistency: string | undefined,
  ): Promise<MovementPageDto> {
    const id = existing(variantId);
    const { items, nextCursor } = await this.cursors.pageById(`movements:${id}`, query, (page) =>
      this.stock.listMovements(principal, id, page, consistency),
    );
    return { items: items.map((row) => ({ ...row, occurredAt: row.occurredAt.toISOString() })), nextCursor };
  }
}

/** What is not an id cannot be the id of anything. */
function existing(variantId: string): string {
  if (!isUuid(variantId)) throw new Problem('VARIANT_NOT_FOUND');
  return variantId.toLowerCase();
}

import { Body, Controller, Get, Headers, HttpCode, Param, Post, Query, Res } from '@nestjs/common';
import {
  ApiBearerAuth,
  ApiCreatedResponse,
  ApiHeader,
  ApiOkResponse,
  ApiOperation,
  ApiTags,
} from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { isUuid } from '../../common/ids.js';
import { type FieldError, Problem } from '../../common/problem.js';
import { AppConfig } from '../../config/index.js';
import {
  type AuthenticatedRequest,
  CurrentPrincipal,
  type Principal,
  RequirePermission,
} from '../../core/access-control/index.js';
import { Audited, type AuditedBy, auditedBy } from '../../core/audit-log/index.js';
import { CursorCodec, PageQuery } from '../../core/cursor/index.js';
import { isIdempotencyKey, requireIdempotencyKey, type StoredAnswer } from '../../core/idempotency/index.js';
import { CONSISTENCY_HEADER, ReadConsistency } from '../../core/read-consistency/index.js';
import { ShortCut, ShortCuts } from '../../core/short-cut/index.js';
import { compileQuickCheck } from '../../core/validation/index.js';
import { OrderDetailsDto, OrderDto, OrderPageDto, PaymentDto } from './dto/order.dto.js';
import { PayOrderDto } from './dto/pay-order.dto.js';
import { PlaceOrderDto } from './dto/place-order.dto.js';
import { OrderCheckoutService } from './order-checkout.service.js';
import { OrderPaymentService } from './order-payment.service.js';
import { type OrderDetails, OrdersService } from './orders.service.js';

const IDEMPOTENCY_KEY = {
  name: 'Idempotency-Key',
  required: true,
  description: '1 to 255 visible ASCII characters',
};

const CONSISTENCY = {
  name: 'Caudal-Consistency',
  required: false,
  description: 'What the answer of an earlier write said: this read shows at least that',
};

/** A request to place an order, found valid. */
interface Placing {
  readonly principal: Principal;
  readonly key: string;
  readonly dto: PlaceOrderDto;
  readonly by: AuditedBy;
}

const isPlain = compileQuickCheck(PlaceOrderDto);

@ApiTags('orders')
@ApiBearerAuth()
@Controller('orders')
export class OrdersController {
  constructor(
    private readonly config: AppConfig,
    private readonly checkout: OrderCheckoutService,
    private readonly orderPayments: OrderPaymentService,
    private readonly orders: OrdersService,
    private readonly cursors: CursorCodec,
    private readonly consistency: ReadConsistency,
    shortCuts: ShortCuts,
  ) {
    shortCuts.register<OrdersController, Placing>('place-order', OrdersController, 'place', {
      plan: (request) => this.plan(request),
      answer: (placing, _, reply) => this.send(placing, reply),
    });
  }

  @Post()
  @ShortCut('place-order')
  @RequirePermission('write:orders')
  @ApiOperation({ summary: 'Reserve stock and place an order; all lines or none' })
  @ApiHeader(IDEMPOTENCY_KEY)
  @ApiCreatedResponse({ type: OrderDto })
  async place(
    @CurrentPrincipal() principal: Principal,
    @Headers('idempotency-key') header: string | undefined,
    @Body() dto: PlaceOrderDto,
    @Audited() by: AuditedBy,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const key = requireIdempotencyKey(header);
    const fault = this.faultOf(dto);
    if (fault !== null) throw new Problem('VALIDATION_FAILED', { errors: [fault] });
    await this.send({ principal, key, dto, by }, reply);
  }

  @Get()
  @RequirePermission('read:orders')
  @ApiOperation({ summary: "The buyer's own orders, newest first" })
  @ApiOkResponse({ type: OrderPageDto })
  @ApiHeader(CONSISTENCY)
  async list(
    @CurrentPrincipal() principal: Principal,
    @Query() query: PageQuery,
    @Headers(CONSISTENCY_HEADER) consistency: string | undefined,
  ): Promise<OrderPageDto> {
    const { items, nextCursor } = await this.cursors.pageById(`orders:${principal.userId}`, query, (page) =>
      this.orders.list(principal, page, consistency),
    );
    return { items: items as OrderDto[], nextCursor };
  }

  @Get(':id')
  @RequirePermission('read:orders')
  @ApiOperation({ summary: "One of the buyer's own orders" })
  @ApiOkResponse({ type: OrderDetailsDto })
  @ApiHeader(CONSISTENCY)
  get(
    @CurrentPrincipal() principal: Principal,
    @Param('id') id: string,
    @Headers(CONSISTENCY_HEADER) consistency: string | undefined,
  ): Promise<OrderDetails> {
    return this.orders.get(principal, existing(id), consistency);
  }

  @Post(':id/payments')
  @RequirePermission('write:orders')
  @ApiOperation({ summary: 'Pay an order while its reservation lasts' })
  @ApiHeader(IDEMPOTENCY_KEY)
  @ApiCreatedResponse({ type: PaymentDto })
  async pay(
    @CurrentPrincipal() principal: Principal,
    @Param('id') id: string,
    @Headers('idempotency-key') header: string | undefined,
    @Body() dto: PayOrderDto,
    @Audited() by: AuditedBy,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const orderId = existing(id);
    const answer = await this.orderPayments.pay(principal, orderId, requireIdempotencyKey(header), dto, by);
    this.consistency.stamp(reply, principal.userId);
    sendStored(reply, answer);
  }

  @Post(':id/cancel')
  @HttpCode(200)
  @RequirePermission('write:orders')
  @ApiOperation({ summary: 'Cancel an order: release its reservation, or restock and refund it' })
  @ApiOkResponse({ type: OrderDetailsDto })
  async cancel(
    @CurrentPrincipal() principal: Principal,
    @Param('id') id: string,
    @Audited() by: AuditedBy,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<OrderDetails> {
    const order = await this.orders.cancel(principal, existing(id), by);
    this.consistency.stamp(reply, principal.userId);
    return order;
  }

  /** Of a request that {@link place} would not refuse before the order is decided. */
  private plan(request: AuthenticatedRequest): Placing | null {
    const { principal, headers, body } = request;
    const key = headers['idempotency-key'];
    if (principal === undefined || !isIdempotencyKey(key) || isPlain?.(body) !== true) return null;
    return this.faultOf(body) === null ? { principal, key, dto: body, by: auditedBy(request) } : null;
  }

  private async send({ principal, key, dto, by }: Placing, reply: FastifyReply): Promise<void> {
    const answer = await this.checkout.place(principal, key, dto, by);
    if (answer.isReplay) reply.header('Idempotency-Replayed', 'true');
    this.consistency.stamp(reply, principal.userId);
    sendStored(reply, answer);
  }

  /** What the configuration forbids of a body that is otherwise valid. */
  private faultOf({ lines, cartId }: PlaceOrderDto): FieldError | null {
    const { ORDER_LINES_MAX: linesMax, ORDER_LINE_QUANTITY_MAX: quantityMax } = this.config.env;
    if (lines === undefined) return null;
    if (cartId !== undefined) return { pointer: '/cartId', detail: 'either lines or cartId, not both' };
    if (lines.length > linesMax) return { pointer: '/lines', detail: `at most ${String(linesMax)} lines` };
    // A variant may come in several lines, which are one line of the order.
    const quantities = new Map<string, number>();
    const tooMany = lines.findIndex(({ variantId, quantity }) => {
      const sum = (quantities.get(variantId.toLowerCase()) ?? 0) + quantity;
      quantities.set(variantId.toLowerCase(), sum);
      return sum > quantityMax;
    });
    return tooMany === -1
      ? null
      : { pointer: `/lines/${String(tooMany)}/quantity`, detail: `at most ${String(quantityMax)}` };
  }
}

/** The stored bytes go out as they are. */
function sendStored(reply: FastifyReply, { status, body }: StoredAnswer): void {
  const type = status < 400 ? 'application/json; charset=utf-8' : 'application/problem+json; charset=utf-8';
  void reply.status(status).header('Content-Type', type).send(body);
}

/** What is not an id cannot be the id of an order. */
function existing(orderId: string): string {
  if (!isUuid(orderId)) throw new Problem('ORDER_NOT_FOUND');
  return orderId.toLowerCase();
}

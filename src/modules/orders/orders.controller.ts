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
import { Problem } from '../../common/problem.js';
import { AppConfig } from '../../config/index.js';
import { CurrentPrincipal, type Principal, RequirePermission } from '../../core/access-control/index.js';
import { CursorCodec, PageQuery } from '../../core/cursor/index.js';
import { requireIdempotencyKey, type StoredAnswer } from '../../core/idempotency/index.js';
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
  ) {}

  @Post()
  @RequirePermission('write:orders')
  @ApiOperation({ summary: 'Reserve stock and place an order; all lines or none' })
  @ApiHeader(IDEMPOTENCY_KEY)
  @ApiCreatedResponse({ type: OrderDto })
  async place(
    @CurrentPrincipal() principal: Principal,
    @Headers('idempotency-key') header: string | undefined,
    @Body() dto: PlaceOrderDto,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const key = requireIdempotencyKey(header);
    this.checkLines(dto);
    const answer = await this.checkout.place(principal, key, dto);
    if (answer.isReplay) reply.header('Idempotency-Replayed', 'true');
    sendStored(reply, answer);
  }

  @Get()
  @RequirePermission('read:orders')
  @ApiOperation({ summary: "The buyer's own orders, newest first" })
  @ApiOkResponse({ type: OrderPageDto })
  async list(@CurrentPrincipal() principal: Principal, @Query() query: PageQuery): Promise<OrderPageDto> {
    const { items, nextCursor } = await this.cursors.pageById(`orders:${principal.userId}`, query, (page) =>
      this.orders.list(principal, page),
    );
    return { items: items as OrderDto[], nextCursor };
  }

  @Get(':id')
  @RequirePermission('read:orders')
  @ApiOperation({ summary: "One of the buyer's own orders" })
  @ApiOkResponse({ type: OrderDetailsDto })
  get(@CurrentPrincipal() principal: Principal, @Param('id') id: string): Promise<OrderDetails> {
    return this.orders.get(principal, existing(id));
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
    @Res() reply: FastifyReply,
  ): Promise<void> {
    sendStored(
      reply,
      await this.orderPayments.pay(principal, existing(id), requireIdempotencyKey(header), dto),
    );
  }

  @Post(':id/cancel')
  @HttpCode(200)
  @RequirePermission('write:orders')
  @ApiOperation({ summary: 'Cancel an order: release its reservation, or restock and refund it' })
  @ApiOkResponse({ type: OrderDetailsDto })
  cancel(@CurrentPrincipal() principal: Principal, @Param('id') id: string): Promise<OrderDetails> {
    return this.orders.cancel(principal, existing(id));
  }

  private checkLines({ lines, cartId }: PlaceOrderDto): void {
    const { ORDER_LINES_MAX: linesMax, ORDER_LINE_QUANTITY_MAX: quantityMax } = this.config.env;
    const invalid = (pointer: string, detail: string) =>
      new Problem('VALIDATION_FAILED', { errors: [{ pointer, detail }] });
    if (lines === undefined) return;
    if (cartId !== undefined) throw invalid('/cartId', 'either lines or cartId, not both');
    if (lines.length > linesMax) throw invalid('/lines', `at most ${String(linesMax)} lines`);
    // A variant may come in several lines, which are one line of the order.
    const quantities = new Map<string, number>();
    const tooMany = lines.findIndex(({ variantId, quantity }) => {
      const sum = (quantities.get(variantId.toLowerCase()) ?? 0) + quantity;
      quantities.set(variantId.toLowerCase(), sum);
      return sum > quantityMax;
    });
    if (tooMany !== -1) throw invalid(`/lines/${String(tooMany)}/quantity`, `at most ${String(quantityMax)}`);
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

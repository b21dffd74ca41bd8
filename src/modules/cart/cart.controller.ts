import { Body, Controller, Delete, Get, Headers, Param, Patch, Post, Query, Req, Res } from '@nestjs/common';
import {
  ApiBearerAuth,
  ApiCreatedResponse,
  ApiHeader,
  ApiOkResponse,
  ApiOperation,
  ApiTags,
} from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { isUuid } from '../../common/ids.js';
import { Problem } from '../../common/problem.js';
import { AppConfig } from '../../config/index.js';
import {
  OptionallyAuthenticated,
  OptionalPrincipal,
  type Principal,
} from '../../core/access-control/index.js';
import { CheckOrigin } from '../../core/origin-check/index.js';
import { etagOfVersion, findIfMatch } from '../../core/versioning/index.js';
import { type CartAnswer, type CartRequest, CartService } from './cart.service.js';
import { AddCartLineDto, CartQuery, ChangeCartLineDto } from './dto/cart.requests.js';
import { CartDto } from './dto/cart.responses.js';
import { clearGuestCookie, GUEST_TOKEN_HEADER, readGuestToken, setGuestCookie } from './guest-token.js';

const ETAG = { ETag: { schema: { type: 'string' as const } } };

@ApiTags('cart')
@ApiBearerAuth()
@ApiHeader({
  name: GUEST_TOKEN_HEADER,
  required: false,
  description: 'Guest cart of a client without cookies; log-in and registration take it along',
})
@OptionallyAuthenticated()
@Controller('cart')
export class CartController {
  constructor(
    private readonly config: AppConfig,
    private readonly carts: CartService,
  ) {}

  @Get()
  @ApiOperation({ summary: 'The cart with prices and availability of this moment' })
  @ApiOkResponse({ type: CartDto, headers: ETAG })
  async get(
    @OptionalPrincipal() principal: Principal | null,
    @Query() query: CartQuery,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<CartDto> {
    return this.reply(request, reply, principal, await this.carts.get(this.read(request, principal, query)));
  }

  @Post('lines')
  @CheckOrigin()
  @ApiOperation({ summary: 'Put units of a variant into the cart' })
  @ApiHeader({ name: 'If-Match', required: false })
  @ApiCreatedResponse({
    type: CartDto,
    headers: { ...ETAG, [GUEST_TOKEN_HEADER]: { schema: { type: 'string' as const } } },
  })
  async addLine(
    @OptionalPrincipal() principal: Principal | null,
    @Query() query: CartQuery,
    @Headers('if-match') ifMatch: string | undefined,
    @Body() { variantId, quantity }: AddCartLineDto,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<CartDto> {
    const cartRequest = this.read(request, principal, query, ifMatch);
    const answer = await this.carts.addLine(cartRequest, variantId.toLowerCase(), quantity);
    return this.reply(request, reply, principal, answer, true);
  }

  @Patch('lines/:id')
  @CheckOrigin()
  @ApiOperation({ summary: 'Set the quantity of a line' })
  @ApiHeader({ name: 'If-Match', required: false })
  @ApiOkResponse({ type: CartDto, headers: ETAG })
  async changeLine(
    @OptionalPrincipal() principal: Principal | null,
    @Query() query: CartQuery,
    @Headers('if-match') ifMatch: string | undefined,
    @Param('id') id: string,
    @Body() { quantity }: ChangeCartLineDto,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<CartDto> {
    const cartRequest = this.read(request, principal, query, ifMatch);
    const answer = await this.carts.changeLine(cartRequest, existing(id), quantity);
    return this.reply(request, reply, principal, answer, true);
  }

  @Delete('lines/:id')
  @CheckOrigin()
  @ApiOperation({ summary: 'Take a line out of the cart' })
  @ApiHeader({ name: 'If-Match', required: false })
  @ApiOkResponse({ type: CartDto, headers: ETAG })
  async removeLine(
    @OptionalPrincipal() principal: Principal | null,
    @Query() query: CartQuery,
    @Headers('if-match') ifMatch: string | undefined,
    @Param('id') id: string,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<CartDto> {
    const cartRequest = this.read(request, principal, query, ifMatch);
    const answer = await this.carts.removeLine(cartRequest, existing(id));
    return this.reply(request, reply, principal, answer, true);
  }

  private read(
    request: FastifyRequest,
    principal: Principal | null,
    { currency = this.config.env.DEFAULT_CURRENCY }: CartQuery,
    ifMatch?: string,
  ): CartRequest {
    const { token } = readGuestToken(request);
    return { principal, guestToken: token, currency, ifMatch: findIfMatch(ifMatch) };
  }

  /** The cart as it is; what the client keeps of its guest cart follows from what became of it. */
  private reply(
    request: FastifyRequest,
    reply: FastifyReply,
    principal: Principal | null,
    { cart, issuedToken }: CartAnswer,
    isWrite = false,
  ): CartDto {
    const { token, hasCookie } = readGuestToken(request);
    if (issuedToken !== null) {
      reply.header(GUEST_TOKEN_HEADER, issuedToken);
      setGuestCookie(reply, issuedToken);
    } else if (hasCookie && principal !== null) {
      clearGuestCookie(reply);
    } else if (hasCookie && isWrite && token !== null) {
      // The write has put the end of the cart off; the cookie lives as long as the cart.
      setGuestCookie(reply, token);
    }
    // Prices and stock move without the version: an answer is never good for a second reading.
    reply.header('Cache-Control', 'no-store').header('ETag', etagOfVersion(cart.version));
    return cart;
  }
}

/** What is not an id cannot be the id of a line. */
function existing(lineId: string): string {
  if (!isUuid(lineId)) throw new Problem('CART_LINE_NOT_FOUND');
  return lineId.toLowerCase();
}

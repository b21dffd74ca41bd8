import { Controller, Get, Req, Res } from '@nestjs/common';
import {
  ApiBadRequestResponse,
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiOperation,
  ApiParam,
  ApiQuery,
  ApiResponse,
  ApiTags,
} from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { PRICE_AMOUNT_MINOR_MAX } from '../../common/money.js';
import { Anonymous } from '../../core/access-control/index.js';
import { type Answer, sendAnswer } from '../../core/answer-cache/index.js';
import { ShortCut, ShortCuts } from '../../core/short-cut/index.js';
import {
  CATEGORIES_LIMIT_DEFAULT,
  CATEGORIES_LIMIT_MAX,
  PRODUCT_SORTS,
  PRODUCTS_LIMIT_DEFAULT,
  PRODUCTS_LIMIT_MAX,
  SEARCH_LENGTH_MAX,
} from './catalog-queries.js';
import { CatalogService } from './catalog.service.js';
import { CategoryListResponse, ProductListResponse, ProductResponse } from './dto/catalog.responses.js';

const NOT_MODIFIED = { status: 304, description: 'If-None-Match names the present answer' };
const NOT_SOLD = { status: 422, description: 'The shop does not sell in this currency' };
const CURRENCY = {
  name: 'currency',
  required: false,
  schema: { type: 'string' as const, pattern: '^[A-Z]{3}$' },
  description: 'ISO 4217; the shop has a default',
};
const MINOR_UNITS = { type: 'integer' as const, minimum: 0, maximum: PRICE_AMOUNT_MINOR_MAX };

/**
 * Nest's pipes and serialiser are left out on purpose: the answers are bytes, and the query string is
 * read by {@link CatalogQueries}, which remembers it.
 */
@ApiTags('catalog')
@Anonymous()
@Controller()
export class CatalogController {
  constructor(
    private readonly catalog: CatalogService,
    shortCuts: ShortCuts,
  ) {
    shortCuts.register('product-list', CatalogController, 'listProducts', {
      plan: (request) => catalog.readyProducts(queryStringOf(request)),
      answer: sendReady,
    });
    shortCuts.register('product', CatalogController, 'getProduct', {
      plan: (request) => catalog.readyProduct(nameOf(request), queryStringOf(request)),
      answer: sendReady,
    });
  }

  @Get('categories')
  @ApiOperation({ summary: 'The category tree, parents before their children' })
  @ApiQuery({
    name: 'limit',
    required: false,
    schema: { type: 'integer', minimum: 1, maximum: CATEGORIES_LIMIT_MAX, default: CATEGORIES_LIMIT_DEFAULT },
  })
  @ApiQuery({ name: 'cursor', required: false, schema: { type: 'string' } })
  @ApiOkResponse({ type: CategoryListResponse })
  @ApiResponse(NOT_MODIFIED)
  @ApiBadRequestResponse({ description: 'VALIDATION_FAILED, CURSOR_INVALID' })
  listCategories(@Req() request: FastifyRequest, @Res() reply: FastifyReply): void | Promise<void> {
    return respond(request, reply, this.catalog.listCategories(queryStringOf(request)));
  }

  @Get('products')
  @ShortCut('product-list')
  @ApiOperation({ summary: 'Products on sale in a currency, by pages' })
  @ApiQuery({
    name: 'category',
    required: false,
    schema: { type: 'string' },
    description: 'Id or slug; includes everything below it',
  })
  @ApiQuery({
    name: 'q',
    required: false,
    schema: { type: 'string', maxLength: SEARCH_LENGTH_MAX },
    description: 'Words, "phrases", or, -not; the last word also finds longer ones',
  })
  @ApiQuery(CURRENCY)
  @ApiQuery({ name: 'minPrice', required: false, schema: MINOR_UNITS, description: 'Minor units, inclusive' })
  @ApiQuery({ name: 'maxPrice', required: false, schema: MINOR_UNITS, description: 'Minor units, inclusive' })
  @ApiQuery({
    name: 'inStock',
    required: false,
    schema: { type: 'boolean' },
    description: 'true: something can be bought now; false: nothing can; missing: both',
  })
  @ApiQuery({
    name: 'sort',
    required: false,
    schema: { type: 'string', enum: [...PRODUCT_SORTS], default: 'newest' },
    description: 'price and -price go by the cheapest variant; relevance needs q',
  })
  @ApiQuery({
    name: 'limit',
    required: false,
    schema: { type: 'integer', minimum: 1, maximum: PRODUCTS_LIMIT_MAX, default: PRODUCTS_LIMIT_DEFAULT },
  })
  @ApiQuery({ name: 'cursor', required: false, schema: { type: 'string' } })
  @ApiOkResponse({ type: ProductListResponse })
  @ApiResponse(NOT_MODIFIED)
  @ApiBadRequestResponse({ description: 'VALIDATION_FAILED, CURSOR_INVALID' })
  @ApiNotFoundResponse({ description: 'CATEGORY_NOT_FOUND' })
  @ApiResponse(NOT_SOLD)
  listProducts(@Req() request: FastifyRequest, @Res() reply: FastifyReply): void | Promise<void> {
    return respond(request, reply, this.catalog.listProducts(queryStringOf(request)));
  }

  @Get('products/:idOrSlug')
  @ShortCut('product')
  @ApiOperation({ summary: 'One product; variants that are not sold in the currency have no price' })
  @ApiParam({ name: 'idOrSlug', schema: { type: 'string' } })
  @ApiQuery(CURRENCY)
  @ApiOkResponse({ type: ProductResponse })
  @ApiResponse(NOT_MODIFIED)
  @ApiBadRequestResponse({ description: 'VALIDATION_FAILED' })
  @ApiNotFoundResponse({ description: 'PRODUCT_NOT_FOUND' })
  @ApiResponse(NOT_SOLD)
  getProduct(@Req() request: FastifyRequest, @Res() reply: FastifyReply): void | Promise<void> {
    return respond(request, reply, this.catalog.getProduct(nameOf(request), queryStringOf(request)));
  }
}

function sendReady(answer: Answer, request: FastifyRequest, reply: FastifyReply): void {
  sendAnswer(request, reply, answer);
}

/** At once when the answer is there: a promise would cost a turn of the microtask queue per hit. */
function respond(
  request: FastifyRequest,
  reply: FastifyReply,
  answer: Answer | Promise<Answer>,
): void | Promise<void> {
  if (!(answer instanceof Promise)) {
    sendAnswer(request, reply, answer);
    return;
  }
  return answer.then((made) => {
    sendAnswer(request, reply, made);
  });
}

function nameOf({ params }: FastifyRequest): string {
  return (params as { readonly idOrSlug: string }).idOrSlug;
}

function queryStringOf({ raw }: FastifyRequest): string {
  const { url = '' } = raw;
  const start = url.indexOf('?');
  return start < 0 ? '' : url.slice(start + 1);
}

import { Body, Controller, Get, Headers, Param, Patch, Post, Res } from '@nestjs/common';
import {
  ApiBearerAuth,
  ApiCreatedResponse,
  ApiHeader,
  ApiOkResponse,
  ApiOperation,
  ApiTags,
} from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { RequireFreshSession, RequirePermission } from '../../core/access-control/index.js';
import { Audited, type AuditedBy } from '../../core/audit-log/index.js';
import { etagOfVersion } from '../../core/versioning/index.js';
import type { AdminProduct } from './catalog-admin.repository.js';
import { CatalogAdminService } from './catalog-admin.service.js';
import type { CategoryNode } from './category-tree.js';
import { AdminProductResponse, CategoryResponse } from './dto/catalog.responses.js';
import { CreateCategoryRequest, PatchCategoryRequest } from './dto/category.requests.js';
import { CreateProductRequest, PatchProductRequest } from './dto/product.requests.js';
import { CreateVariantRequest, PatchVariantRequest } from './dto/variant.requests.js';

const ETAG = { ETag: { description: 'The version of the product', schema: { type: 'string' as const } } };

@ApiTags('admin: catalog')
@ApiBearerAuth()
@Controller('admin')
export class CatalogAdminController {
  constructor(private readonly catalog: CatalogAdminService) {}

  @Post('products')
  @RequirePermission('write:products')
  @RequireFreshSession()
  @ApiOperation({ summary: 'Create a product with its variants and prices' })
  @ApiCreatedResponse({ type: AdminProductResponse, headers: ETAG })
  async createProduct(
    @Body() body: CreateProductRequest,
    @Audited() by: AuditedBy,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<AdminProduct> {
    const product = await this.catalog.createProduct(body, by);
    reply.header('Location', `/api/v1/admin/products/${product.id}`);
    return tagged(reply, product);
  }

  @Get('products/:id')
  @RequirePermission('write:products')
  @RequireFreshSession()
  @ApiOperation({ summary: 'A product in any status with all its prices, read on the writer' })
  @ApiOkResponse({ type: AdminProductResponse, headers: ETAG })
  async getProduct(
    @Param('id') id: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<AdminProduct> {
    return tagged(reply, await this.catalog.getProduct(id));
  }

  @Patch('products/:id')
  @RequirePermission('write:products')
  @RequireFreshSession()
  @ApiOperation({ summary: 'Change the fields that are sent' })
  @ApiHeader({ name: 'If-Match', required: true })
  @ApiOkResponse({ type: AdminProductResponse, headers: ETAG })
  async updateProduct(
    @Param('id') id: string,
    @Headers('if-match') ifMatch: string | undefined,
    @Body() body: PatchProductRequest,
    @Audited() by: AuditedBy,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<AdminProduct> {
    return tagged(reply, await this.catalog.updateProduct(id, ifMatch, body, by));
  }

  @Post('products/:id/variants')
  @RequirePermission('write:products')
  @RequireFreshSession()
  @ApiOperation({ summary: 'Add a variant' })
  @ApiHeader({ name: 'If-Match', required: false })
  @ApiCreatedResponse({ type: AdminProductResponse, headers: ETAG })
  async addVariant(
    @Param('id') id: string,
    @Headers('if-match') ifMatch: string | undefined,
    @Body() body: CreateVariantRequest,
    @Audited() by: AuditedBy,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<AdminProduct> {
    return tagged(reply, await this.catalog.addVariants(id, ifMatch, [body], by));
  }

  @Patch('variants/:id')
  @RequirePermission('write:products')
  @RequireFreshSession()
  @ApiOperation({ summary: 'Change a variant or its prices; If-Match is the ETag of its product' })
  @ApiHeader({ name: 'If-Match', required: true })
  @ApiOkResponse({ type: AdminProductResponse, headers: ETAG })
  async updateVariant(
    @Param('id') id: string,
    @Headers('if-match') ifMatch: string | undefined,
    @Body() body: PatchVariantRequest,
    @Audited() by: AuditedBy,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<AdminProduct> {
    return tagged(reply, await this.catalog.updateVariant(id, ifMatch, body, by));
  }

  @Post('categories')
  @RequirePermission('write:categories')
  @RequireFreshSession()
  @ApiOperation({ summary: 'Create a category' })
  @ApiCreatedResponse({ type: CategoryResponse })
  async createCategory(
    @Body() body: CreateCategoryRequest,
    @Audited() by: AuditedBy,
  ): Promise<CategoryResponse> {
    return shown(await this.catalog.createCategory(body, by));
  }

  @Patch('categories/:id')
  @RequirePermission('write:categories')
  @RequireFreshSession()
  @ApiOperation({ summary: 'Rename or move a category; its subtree moves with it' })
  @ApiOkResponse({ type: CategoryResponse })
  async updateCategory(
    @Param('id') id: string,
    @Body() body: PatchCategoryRequest,
    @Audited() by: AuditedBy,
  ): Promise<CategoryResponse> {
    return shown(await this.catalog.updateCategory(id, body, by));
  }
}

function tagged(reply: FastifyReply, product: AdminProduct): AdminProduct {
  reply.header('ETag', etagOfVersion(product.version));
  return product;
}

function shown({ id, slug, name, parentId, position }: CategoryNode): CategoryResponse {
  return { id, slug, name, parentId, position };
}

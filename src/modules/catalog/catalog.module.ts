import { Module } from '@nestjs/common';
import { CatalogAdminController } from './catalog-admin.controller.js';
import { CatalogAdminRepository } from './catalog-admin.repository.js';
import { CatalogAdminService } from './catalog-admin.service.js';
import { CatalogCurrencyRepository } from './catalog-currency.repository.js';
import { CatalogInvalidation } from './catalog-invalidation.service.js';
import { CatalogQueries } from './catalog-queries.js';
import { CatalogWriterModule } from './catalog-writer.module.js';
import { CatalogController } from './catalog.controller.js';
import { CatalogRepository } from './catalog.repository.js';
import { CatalogService } from './catalog.service.js';
import { ProductListRepository } from './product-list.repository.js';

@Module({
  imports: [CatalogWriterModule],
  controllers: [CatalogController, CatalogAdminController],
  providers: [
    CatalogAdminRepository,
    CatalogAdminService,
    CatalogCurrencyRepository,
    CatalogInvalidation,
    CatalogQueries,
    CatalogRepository,
    CatalogService,
    ProductListRepository,
  ],
  exports: [CatalogService, CatalogWriterModule],
})
export class CatalogModule {}

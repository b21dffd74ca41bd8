import { Module } from '@nestjs/common';
import { CatalogBulkRepository } from './catalog-bulk.repository.js';
import { CatalogCategoryRepository } from './catalog-category.repository.js';
import { CatalogWriter } from './catalog-writer.service.js';

/** The bulk writes alone, for programs that need neither the API nor Redis. */
@Module({
  providers: [CatalogBulkRepository, CatalogCategoryRepository, CatalogWriter],
  exports: [CatalogWriter, CatalogCategoryRepository],
})
export class CatalogWriterModule {}

import { Module } from '@nestjs/common';
import { CatalogWriterModule } from '../catalog/index.js';
import { StockRepository, StockService } from '../inventory/index.js';
import { CategoryImporter } from './category-importer.service.js';
import { ProductImporter } from './product-importer.service.js';

/** For a program of its own: stock is written by inventory's service without the rest of that module. */
@Module({
  imports: [CatalogWriterModule],
  providers: [StockRepository, StockService, ProductImporter, CategoryImporter],
  exports: [ProductImporter, CategoryImporter],
})
export class CatalogImportModule {}

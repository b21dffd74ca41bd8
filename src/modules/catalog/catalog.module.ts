import { Module } from '@nestjs/common';
import { CatalogBulkRepository } from './catalog-bulk.repository.js';
import { CatalogWriter } from './catalog-writer.service.js';

@Module({ providers: [CatalogBulkRepository, CatalogWriter], exports: [CatalogWriter] })
export class CatalogModule {}

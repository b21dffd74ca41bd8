import { Module } from '@nestjs/common';
import { CatalogBulkRepository } from './catalog-bulk.repository.js';
import { CatalogWriter } from './catalog-writer.service.js';

/** The bulk writes alone, for programs that need neither the API nor Redis. */
@Module({ providers: [CatalogBulkRepository, CatalogWriter], exports: [CatalogWriter] })
export class CatalogWriterModule {}

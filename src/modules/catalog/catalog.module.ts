import { Module } from '@nestjs/common';
import { CatalogWriterModule } from './catalog-writer.module.js';

@Module({ imports: [CatalogWriterModule], exports: [CatalogWriterModule] })
export class CatalogModule {}

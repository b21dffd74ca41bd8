export type { CategoryInput, ProductInput, ProductStatus, VariantInput } from './catalog-input.js';
export { CatalogModule } from './catalog.module.js';
export type { CategoryResult, ProductResult, VariantResult } from './catalog-results.js';
export { CatalogService } from './catalog.service.js';
export type { VariantDetails } from './catalog.repository.js';
export { CatalogWriterModule } from './catalog-writer.module.js';
export { CatalogWriter } from './catalog-writer.service.js';
export type { CategoryNode } from './category-tree.js';

export { CatalogImportModule } from './catalog-import.module.js';
export { openCatalogueFile } from './catalogue-file.js';
export { CategoryImporter } from './category-importer.service.js';
export { ImportReport } from './import-report.js';
export { ProductImporter } from './product-importer.service.js';
export type { RefusedRow } from './refused-row.js';

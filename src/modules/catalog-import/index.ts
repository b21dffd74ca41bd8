export { CatalogImportModule } from './catalog-import.module.js';
export { CatalogueFileError, openCatalogueFile } from './catalogue-file.js';
export { CategoryImporter } from './category-importer.service.js';
export { ImportReport } from './import-report.js';
export { JsonArrayError } from './json-elements.js';
export { ProductImporter } from './product-importer.service.js';
export { CatalogueHeaderError } from './product-row.js';
export type { RefusedRow } from './refused-row.js';

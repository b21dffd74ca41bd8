export { compileQuickCheck, type DtoClass, type QuickCheck } from './quick-check.js';

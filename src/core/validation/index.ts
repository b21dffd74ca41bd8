export { IsLine, LINE_PATTERN } from './is-line.js';
export { IsMissable } from './is-missable.js';
export { compileQuickCheck, type DtoClass, type QuickCheck } from './quick-check.js';

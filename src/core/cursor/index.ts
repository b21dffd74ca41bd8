export { CURSOR_LENGTH_MAX, CursorCodec, type CursorValue } from './cursor-codec.js';
export { CursorModule } from './cursor.module.js';
export { PageQuery } from './page-query.js';

export { CONSISTENCY_HEADER } from './consistency-token.js';
export { ReadConsistency } from './read-consistency.js';
export { ReadConsistencyModule } from './read-consistency.module.js';

export { ReadConsistency } from './read-consistency.js';
export { ReadConsistencyModule } from './read-consistency.module.js';

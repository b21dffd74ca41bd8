export { CheckOrigin } from './origin-check.guard.js';

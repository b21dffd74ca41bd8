export type { Answer } from './answer.js';
export { AnswerCache } from './answer-cache.js';
export { AnswerCacheModule } from './answer-cache.module.js';
export type { Fill, Filling } from './answer-reader.js';
export { sendAnswer } from './send-answer.js';

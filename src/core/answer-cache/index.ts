export type { Answer } from './answer.js';
export { AnswerCache, type Fill, type Filling } from './answer-cache.js';
export { AnswerCacheModule } from './answer-cache.module.js';
export { READY_ROUTE, ReadyAnswers, ReadyRoute } from './ready-answers.js';
export { sendAnswer } from './send-answer.js';

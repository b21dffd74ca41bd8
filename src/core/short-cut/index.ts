export { SHORT_CUT, ShortCut, ShortCuts } from './short-cut.js';
export { ShortCutModule } from './short-cut.module.js';

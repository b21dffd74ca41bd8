// @ts-check
// What a run leaves behind: a few lines on the terminal, and a page where SUMMARY_HTML names a file.
import { textParameter } from './parameters.js';
import { renderPage, renderText } from './summary-page.js';
import { readSummary } from './summary.js';

const PAGE = textParameter('SUMMARY_HTML', '');

/**
 * @param {string} title of the scenario
 * @param {(data: import('./summary.js').K6Summary) => import('./summary-page.js').Table[]} [describe] what
 *   only this scenario has to say
 * @returns {(data: any) => Record<string, string>} to be exported as handleSummary
 */
export function reportOn(title, describe = () => []) {
  return (data) => {
    const summary = readSummary(data);
    const tables = describe(data);
    return {
      stdout: renderText(title, summary, tables),
      ...(PAGE !== '' && { [PAGE]: renderPage(title, summary, tables) }),
    };
  };
}

// @ts-check

/**
 * A file of nginx, ModSecurity or PostgreSQL without the lines that only say something to people.
 *
 * @param {string} text
 */
export function withoutComments(text) {
  return text.replaceAll(/^\s*#.*\n?/gm, '');
}

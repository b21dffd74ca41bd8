// @ts-check
// Images that are made from the one that runs, each with one fault.

/**
 * Part of the server's own process: answers some requests in its place.
 *
 * @param {string} condition over `path` and `healthLooks`, how often /health was asked before
 * @param {number} status
 */
function answering(condition, status) {
  const module = `
    import { Server } from 'node:http';
    let healthLooks = 0;
    const { emit } = Server.prototype;
    Server.prototype.emit = function (event, request, response) {
      if (event !== 'request') return emit.apply(this, arguments);
      const path = request.url;
      if (!(${condition})) {
        if (path === '/health') healthLooks += 1;
        return emit.apply(this, arguments);
      }
      request.resume();
      response.writeHead(${String(status)}, { 'content-type': 'application/problem+json' });
      response.end('{"code":"INTERNAL_ERROR"}');
      return true;
    };`;
  return `ENV NODE_OPTIONS="--import data:text/javascript;base64,${Buffer.from(module).toString('base64')}"`;
}

/** Name of the image, what is added to the one that runs. */
const LINES = {
  good: 'LABEL caudal.rehearsal=good',
  better: 'LABEL caudal.rehearsal=better',
  exits: 'CMD ["sh", "-c", "echo something is missing; exit 1"]',
  'never-ready': 'CMD ["sleep", "86400"]',
  // Everything of the buyer's journey but /health.
  failing: answering(`path.startsWith('/api/v1/products')`, 500),
  // The smoke test asks /health once; whoever watches asks again and again. Buyers never do.
  'unwell-later': answering(`path === '/health' && healthLooks >= 4`, 503),
};

/** @typedef {keyof typeof LINES} FaultyImage */

/**
 * @param {(input: string, ...args: string[]) => Promise<unknown>} docker with standard input
 * @param {string} base
 * @returns {Promise<(name: FaultyImage) => string>} gives the full name of an image
 */
export async function buildFaultyImages(docker, base) {
  const tag = (/** @type {string} */ name) => `caudal:rehearsal-${name}`;
  for (const [name, line] of Object.entries(LINES))
    await docker(`FROM ${base}\n${line}\n`, 'build', '--quiet', '--tag', tag(name), '-');
  return tag;
}

/** Their names, to remove them at the end. */
export const FAULTY_IMAGES = Object.keys(LINES).map((name) => `caudal:rehearsal-${name}`);

// @ts-check

/**
 * Prints what is being done and how long it took. On a terminal the line of the running step is
 * rewritten; elsewhere a step that takes longer than a second is announced.
 *
 * @typedef {object} Steps
 * @property {<T>(title: string, work: (note: (line: string) => void) => Promise<T> | T, done?: (result: T) => string) => Promise<T>} run
 *   Runs one step. `note` adds a line; `done` words the finished line.
 * @property {(line: string) => void} say
 */

/**
 * @param {NodeJS.WriteStream} [out]
 * @returns {Steps}
 */
export function createSteps(out = process.stdout) {
  const isTerminal = out.isTTY;
  // A terminal that was closed must not keep the servers from being stopped.
  out.on('error', () => {});
  const say = (/** @type {string} */ line) => {
    out.write(`${isTerminal ? '\r\u001b[K' : ''}${line}\n`);
  };
  return {
    say,
    run: async (title, work, done = () => title) => {
      const startMs = performance.now();
      const announce = () => {
        out.write(isTerminal ? `\r\u001b[K… ${title}` : `… ${title}\n`);
      };
      // The timer also repaints the line that a note has pushed away.
      const timer = isTerminal ? setInterval(announce, 200) : setTimeout(announce, 1_000);
      if (isTerminal) announce();
      try {
        const result = await work((line) => {
          say(`  ${line}`);
        });
        say(`✓ ${done(result)} (${((performance.now() - startMs) / 1000).toFixed(1)} s)`);
        return result;
      } catch (error) {
        if (isTerminal) out.write('\r\u001b[K');
        throw error;
      } finally {
        clearInterval(timer);
        clearTimeout(timer);
      }
    },
  };
}

/**
 * One line for a person, and the further lines of an error that brings some.
 *
 * @param {unknown} error
 */
export function reportFailure(error) {
  const { name, message, detail, stack } =
    /** @type {{ name?: string, message?: string, detail?: string, stack?: string }} */ (error);
  process.stderr.write(`✗ ${name === 'StartError' ? String(message) : (stack ?? String(error))}\n`);
  if (detail) process.stderr.write(`${detail.trimEnd().replaceAll(/^/gm, '    ')}\n`);
}

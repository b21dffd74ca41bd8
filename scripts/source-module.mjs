// @ts-check
// Tables of the code that scripts read without a build. Node runs them as they are, because they use no syntax
// that has to be compiled; only the names of the files they import are those of the build.
import { registerHooks } from 'node:module';

const PROJECT = new URL('../', import.meta.url);

/**
 * @param {string} path from the top of the repository
 * @returns {Promise<unknown>}
 */
export async function loadSource(path) {
  const hooks = registerHooks({
    resolve: (specifier, context, next) => {
      const isOurs = specifier.startsWith('.') && (context.parentURL ?? '').endsWith('.ts');
      return next(isOurs ? specifier.replace(/\.js$/, '.ts') : specifier, context);
    },
  });
  try {
    /** @type {unknown} */
    const module = await import(new URL(path, PROJECT).href);
    return module;
  } finally {
    hooks.deregister();
  }
}

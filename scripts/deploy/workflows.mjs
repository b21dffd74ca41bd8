// @ts-check
// The workflows, and what their commands may name, as they lie in the repository.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * @param {string} project its folder
 * @returns {Map<string, string>} name and text
 */
export function readWorkflows(project) {
  const folder = join(project, '.github/workflows');
  return new Map(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), 'utf8')]));
}

/**
 * @param {string} project its folder
 * @returns {import('./rules/workflow-rules.mjs').Project}
 */
export function readCommands(project) {
  const description = /** @type {unknown} */ (
    JSON.parse(readFileSync(join(project, 'package.json'), 'utf8'))
  );
  const { scripts } = /** @type {{ scripts: Record<string, string> }} */ (description);
  const shell = readdirSync(join(project, 'deployment/scripts'))
    .filter((name) => name.endsWith('.sh'))
    .map((name) => `deployment/scripts/${name}`);
  return {
    npmScripts: new Set(Object.keys(scripts)),
    shellScripts: new Map(shell.map((path) => [path, readFileSync(join(project, path), 'utf8')])),
    scenarios: new Set(
      readdirSync(join(project, 'test/load/scenarios')).map((name) => name.replace(/\.js$/, '')),
    ),
  };
}

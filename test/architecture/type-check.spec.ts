import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const PROJECT = join(import.meta.dirname, '../..');
const readJson = (path: string) =>
  JSON.parse(readFileSync(join(PROJECT, path), 'utf8')) as Record<string, unknown>;

describe('the type check', () => {
  it('also covers what the project of the application leaves to a project of its own', () => {
    const excluded = (readJson('tsconfig.json')['exclude'] as string[]).filter(
      (path) => !['**/node_modules', 'dist'].includes(path),
    );
    const { 'check:types': command } = readJson('package.json')['scripts'] as Record<string, string>;
    // What belongs to a package with dependencies of its own cannot be checked without installing them.
    const isOfThisPackage = (path: string) => !existsSync(join(PROJECT, dirname(path), 'package-lock.json'));
    expect(excluded.filter(isOfThisPackage)).not.toEqual([]);
    for (const path of excluded.filter(isOfThisPackage)) {
      const project = `${path}/tsconfig.json`;
      expect([project, existsSync(join(PROJECT, project))]).toEqual([project, true]);
      expect(command?.split(' && ')).toContain(`tsc -p ${project}`);
    }
  });
});

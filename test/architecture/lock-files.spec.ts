import { readFileSync } from 'node:fs';

interface LockedPackage {
  readonly dependencies?: Record<string, string>;
  readonly optionalDependencies?: Record<string, string>;
}

/** What a package asks for has to stand beside it or beside one that it is inside of. */
function unlocked(packages: Readonly<Record<string, LockedPackage>>): string[] {
  return Object.entries(packages).flatMap(([path, { dependencies, optionalDependencies }]) =>
    Object.keys({ ...dependencies, ...optionalDependencies })
      .filter((name) => !candidates(path, name).some((each) => each in packages))
      .map((name) => `${path} -> ${name}`),
  );
}

function candidates(path: string, name: string): string[] {
  const parents = [...path.matchAll(/\/node_modules\/|$/g)].map(({ index }) => path.slice(0, index));
  return ['', ...parents].map((parent) => `${parent === '' ? '' : `${parent}/`}node_modules/${name}`);
}

describe('a lock file', () => {
  it.each(['package-lock.json', 'bench/core/package-lock.json'])(
    '%s has all that its packages ask for, also for other platforms: npm ci refuses it otherwise',
    (file) => {
      const { packages } = JSON.parse(readFileSync(file, 'utf8')) as {
        packages: Record<string, LockedPackage>;
      };
      expect(Object.keys(packages).length).toBeGreaterThan(100);
      expect(unlocked(packages)).toEqual([]);
    },
  );
});

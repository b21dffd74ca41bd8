import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import configuration from '../../.dependency-cruiser.mjs';

const ROOT = join(import.meta.dirname, '../..');
const CRUISER = join(ROOT, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs');
const MODULES_MIN = 150;
const OUTPUT_BYTES_MAX = 128 * 1024 * 1024;

interface Report {
  readonly summary: {
    readonly violations: readonly {
      readonly from: string;
      readonly to: string;
      readonly rule: { readonly name: string };
    }[];
  };
  readonly modules: readonly { readonly source: string }[];
}

/** The command of `npm run check:boundaries`, in any directory that looks like this one. */
function cruise(directory: string): Promise<Report> {
  return new Promise((resolve, reject) => {
    execFile(
      process.execPath,
      [CRUISER, 'src', '--config', '.dependency-cruiser.mjs', '--output-type', 'json'],
      { cwd: directory, maxBuffer: OUTPUT_BYTES_MAX },
      // The exit code is the number of violations.
      (error, stdout) => {
        if (stdout === '') reject(error ?? new Error('dependency-cruiser reported nothing'));
        else resolve(JSON.parse(stdout) as Report);
      },
    );
  });
}

/** For each rule an import that breaks it: the file that imports, and what it imports. */
const BREACHES: Record<string, readonly [from: string, to: string]> = {
  'no-circular': ['src/common/circle.ts', 'src/common/circle-end.ts'],
  'common-stands-alone': ['src/common/planted.ts', 'src/config/index.ts'],
  'config-on-common': ['src/config/planted.ts', 'src/infrastructure/logging/index.ts'],
  'infrastructure-downwards': ['src/infrastructure/redis/planted.ts', 'src/core/jobs/index.ts'],
  'core-downwards': ['src/core/jobs/planted.ts', 'src/modules/users/index.ts'],
  'modules-downwards': ['src/modules/users/upwards.ts', 'src/bootstrap/openapi.ts'],
  'modules-meet-at-the-front-door': ['src/modules/auth/planted.ts', 'src/modules/users/users.service.ts'],
  'core-through-its-front-door': ['src/modules/auth/core.ts', 'src/core/jobs/job-runner.ts'],
  'modules-use-only-logging-and-metrics-of-the-infrastructure': [
    'src/modules/auth/infrastructure.ts',
    'src/infrastructure/redis/index.ts',
  ],
  'repositories-use-the-front-door-of-prisma': [
    'src/modules/auth/planted.repository.ts',
    'src/infrastructure/database/prisma/replica.ts',
  ],
  'module-order-users': ['src/modules/users/order.ts', 'src/modules/auth/index.ts'],
  'module-order-auth': ['src/modules/auth/order.ts', 'src/modules/cart/index.ts'],
  'module-order-catalog': ['src/modules/catalog/order.ts', 'src/modules/inventory/index.ts'],
  'module-order-inventory': ['src/modules/inventory/order.ts', 'src/modules/cart/index.ts'],
  'module-order-cart': ['src/modules/cart/order.ts', 'src/modules/orders/index.ts'],
  'module-order-payments': ['src/modules/payments/order.ts', 'src/modules/orders/index.ts'],
  'module-order-orders': ['src/modules/orders/order.ts', 'src/modules/auth/index.ts'],
  'module-order-catalog-import': ['src/modules/catalog-import/order.ts', 'src/modules/orders/index.ts'],
  'ioredis-in-its-folder': ['src/bootstrap/planted.ts', 'ioredis'],
  'prisma-client-in-its-folder': ['src/core/jobs/prisma.ts', '@prisma/client'],
  'src-never-imports-tests': ['src/bootstrap/tests.ts', 'test/support/planted.ts'],
};

/** The same import as a value and as a type: neither may slip through. */
const FORMS: Record<string, (specifier: string) => string> = {
  value: (specifier) => `import * as planted from '${specifier}';\nexport const kept = planted;\n`,
  type: (specifier) => `import type * as planted from '${specifier}';\nexport type Kept = typeof planted;\n`,
};
const inForm = (file: string, form: string) => file.replace(/^(.*\/[^./]+)/, `$1-${form}`);

describe('the boundaries between the layers', () => {
  it('are kept by every module of src', async () => {
    const { modules, summary } = await cruise(ROOT);
    expect(summary.violations).toEqual([]);
    // A configuration that looks at nothing finds nothing.
    expect(modules.filter(({ source }) => source.startsWith('src/')).length).toBeGreaterThan(MODULES_MIN);
  });

  describe('when one is crossed on purpose', () => {
    let directory: string;
    let violations: Report['summary']['violations'];

    beforeAll(async () => {
      directory = mkdtempSync(join(tmpdir(), 'caudal-boundaries-'));
      const write = (file: string, text: string) => {
        mkdirSync(dirname(join(directory, file)), { recursive: true });
        writeFileSync(join(directory, file), text);
      };
      for (const file of ['.dependency-cruiser.mjs', 'tsconfig.json'])
        cpSync(join(ROOT, file), join(directory, file));
      for (const [from, to] of Object.values(BREACHES)) {
        const isPackage = !/^(src|test)\//.test(to);
        if (isPackage) {
          write(
            `node_modules/${to}/package.json`,
            JSON.stringify({ name: to, version: '1.0.0', main: 'index.js' }),
          );
          write(`node_modules/${to}/index.js`, 'module.exports = {};\n');
          write('package.json', JSON.stringify({ dependencies: { ioredis: '1', '@prisma/client': '1' } }));
        } else {
          write(to, 'export {};\n');
        }
        for (const [form, importing] of Object.entries(FORMS)) {
          const specifier = isPackage
            ? to
            : relative(dirname(from), to)
                .replace(/^(?!\.)/, './')
                .replace(/ts$/, 'js');
          write(inForm(from, form), importing(specifier));
        }
      }
      const [circle, end] = BREACHES['no-circular'] ?? ['', ''];
      write(
        end,
        Object.keys(FORMS)
          .map((form) => `import '../../${inForm(circle, form).replace(/ts$/, 'js')}';\n`)
          .join(''),
      );
      ({ violations } = (await cruise(directory)).summary);
    });

    afterAll(() => {
      rmSync(directory, { recursive: true });
    });

    it('have a planted breach for every rule, and a place in the order for every module', () => {
      const rules = (configuration.forbidden as { name: string }[]).map(({ name }) => name);
      expect(Object.keys(BREACHES).sort()).toEqual([...rules].sort());
      for (const name of readdirSync(join(ROOT, 'src/modules')))
        expect(rules).toContain(`module-order-${name}`);
    });

    const planted = Object.entries(BREACHES).flatMap(([rule, [from, to]]) =>
      Object.keys(FORMS).map((form) => [rule, form, inForm(from, form), to] as const),
    );
    it.each(planted)('%s reports an import of a %s: %s imports %s', (rule, _form, from, to) => {
      const reported = violations.filter((each) => each.rule.name === rule);
      // A circle is reported once, from either end.
      const ends = reported.map((each) => (each.to === from ? [each.to, each.from] : [each.from, each.to]));
      expect(ends).toContainEqual([from, expect.stringContaining(to)]);
    });
  });
});

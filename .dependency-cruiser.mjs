const GENERATED = '^src/infrastructure/database/prisma/generated';

/**
 * The layers of docs/architecture.md. test/architecture proves that each rule bites.
 * @type {import('dependency-cruiser').IConfiguration & { forbidden: object[] }}
 */
export default {
  forbidden: [
    {
      name: 'no-circular',
      comment: 'No cycles, type imports included.',
      severity: 'error',
      from: { path: '^src', pathNot: GENERATED },
      to: { circular: true },
    },
    layer('common-stands-alone', '^src/common/', ['^src/common/'], 'common/ imports nothing of ours.'),
    layer('config-on-common', '^src/config/', ['^src/(config|common)/'], 'config/ imports only common/.'),
    layer(
      'infrastructure-downwards',
      '^src/infrastructure/',
      ['^src/(infrastructure|config|common)/'],
      'infrastructure/ imports only config/ and common/.',
    ),
    layer(
      'core-downwards',
      '^src/core/',
      ['^src/(core|infrastructure|config|common)/'],
      'core/ holds mechanisms: it knows no module.',
    ),
    layer(
      'modules-downwards',
      '^src/modules/',
      ['^src/modules/', '^src/core/', '^src/infrastructure/', '^src/(config|common)/'],
      'modules/ know nothing of the process they run in.',
    ),
    {
      name: 'modules-meet-at-the-front-door',
      comment: 'A module is entered through its index.ts.',
      severity: 'error',
      from: { path: '^src/modules/([^/]+)/' },
      to: { path: '^src/modules/([^/]+)/', pathNot: ['^src/modules/$1/', '^src/modules/[^/]+/index[.]ts$'] },
    },
    {
      name: 'core-through-its-front-door',
      comment: 'A core service is entered through its index.ts, from modules and from other core services.',
      severity: 'error',
      from: { path: '^src/(modules|core)/([^/]+)/', pathNot: '[.]spec[.]ts$' },
      to: { path: '^src/core/([^/]+)/', pathNot: ['^src/core/$2/', '^src/core/[^/]+/index[.]ts$'] },
    },
    {
      name: 'modules-use-only-logging-and-metrics-of-the-infrastructure',
      comment: 'Only repositories reach the database; Redis belongs to core/.',
      severity: 'error',
      from: { path: '^src/modules/', pathNot: '([.]repository|[.]spec)[.]ts$' },
      to: { path: '^src/infrastructure/', pathNot: '^src/infrastructure/(logging|metrics)/index[.]ts$' },
    },
    {
      name: 'repositories-use-the-front-door-of-prisma',
      severity: 'error',
      from: { path: '^src/modules/.*[.]repository[.]ts$' },
      to: {
        path: '^src/infrastructure/',
        pathNot: '^src/infrastructure/(database/prisma|logging|metrics)/index[.]ts$',
      },
    },
    moduleOrder('users', []),
    moduleOrder('auth', ['users']),
    moduleOrder('catalog', []),
    moduleOrder('inventory', ['catalog']),
    moduleOrder('cart', ['catalog', 'inventory']),
    moduleOrder('payments', []),
    moduleOrder('orders', ['cart', 'inventory', 'payments']),
    moduleOrder('catalog-import', ['catalog', 'inventory']),
    {
      name: 'ioredis-in-its-folder',
      comment: 'Connections are made in one place; core/ may name the type.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(infrastructure/redis|core)/' },
      to: { path: 'node_modules/ioredis' },
    },
    {
      name: 'prisma-client-in-its-folder',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/infrastructure/database/prisma/' },
      to: { path: ['node_modules/@prisma', 'node_modules/pg/', GENERATED] },
    },
    {
      name: 'src-never-imports-tests',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(test|bench|scripts)/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: ['^test/load'] },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'types', 'node', 'default'],
    },
  },
};

/**
 * A folder that may import nothing of ours but what is allowed.
 * @param {string} name
 * @param {string} from
 * @param {string[]} allowed
 * @param {string} comment
 * @returns {import('dependency-cruiser').IForbiddenRuleType}
 */
function layer(name, from, allowed, comment) {
  return {
    name,
    comment,
    severity: 'error',
    from: { path: from, pathNot: ['[.]spec[.]ts$', GENERATED] },
    to: { path: '^(src|test|scripts|bench)/', pathNot: allowed },
  };
}

/**
 * The order of the modules: no arrow points back.
 * @param {string} name
 * @param {string[]} allowed
 * @returns {import('dependency-cruiser').IForbiddenRuleType}
 */
function moduleOrder(name, allowed) {
  return {
    name: `module-order-${name}`,
    comment: 'Needs in the other direction travel as events through the outbox.',
    severity: 'error',
    from: { path: `^src/modules/${name}/` },
    to: { path: '^src/modules/', pathNot: [name, ...allowed].map((other) => `^src/modules/${other}/`) },
  };
}

/** One configuration, three tiers: unit beside the code, integration and end-to-end under test/. */
const swc = [
  '@swc/jest',
  {
    swcrc: false,
    jsc: {
      parser: { syntax: 'typescript', decorators: true, dynamicImport: true },
      transform: { legacyDecorator: true, decoratorMetadata: true },
      target: 'es2024',
      keepClassNames: true,
      // `with { type: 'json' }`, which a module of JSON needs.
      experimental: { keepImportAttributes: true },
    },
    module: { type: 'es6' },
    sourceMaps: 'inline',
  },
];

/**
 * @param {string} displayName
 * @param {string[]} testMatch
 * @param {Record<string, string>} [extra]
 */
const tier = (displayName, testMatch, extra = {}) => ({
  displayName,
  rootDir: '.',
  testEnvironment: 'node',
  testMatch,
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '^.+\\.ts$': swc },
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  moduleFileExtensions: ['ts', 'js', 'mjs', 'json', 'node'],
  setupFiles: ['<rootDir>/test/support/setup-nest.ts'],
  ...extra,
});

const services = {
  globalSetup: '<rootDir>/test/support/global-setup.ts',
  globalTeardown: '<rootDir>/test/support/global-teardown.ts',
};

export default {
  // Every file of the upper tiers starts processes of its own: two at a time suit two cores.
  maxWorkers: 2,
  testTimeout: 60_000,
  // fetch() keeps idle sockets for seconds after the last test; the services are stopped by then.
  forceExit: true,
  projects: [
    tier('unit', [
      '<rootDir>/src/**/*.spec.ts',
      '<rootDir>/scripts/**/*.spec.ts',
      '<rootDir>/test/load/**/*.spec.ts',
      '<rootDir>/bench/**/*.spec.ts',
    ]),
    tier('architecture', ['<rootDir>/test/architecture/**/*.spec.ts']),
    tier('integration', ['<rootDir>/test/integration/**/*.integration-spec.ts'], services),
    tier('e2e', ['<rootDir>/test/e2e/**/*.e2e-spec.ts'], services),
    // Needs nginx: npm run check:gateway looks for one, and for ModSecurity.
    ...(process.env['CAUDAL_NGINX'] === undefined
      ? []
      : [
          tier(
            'gateway',
            [
              '<rootDir>/test/gateway/*.gateway-spec.ts',
              ...(process.env['CAUDAL_FIREWALL'] === undefined
                ? []
                : ['<rootDir>/test/gateway/firewall/*.gateway-spec.ts']),
            ],
            services,
          ),
        ]),
  ],
};

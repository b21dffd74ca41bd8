// @ts-check
// Mistakes in how the images are built.

/** @type {readonly import('./mutation.mjs').Mutation[]} */
export const IMAGE_MUTATIONS = [
  ['image', 'runs as root', 'Dockerfile.production', 'USER 65532:65532', 'USER root'],
  ['image', 'names its user', 'Dockerfile.production', 'USER 65532:65532', 'USER node'],
  ['image', 'shell-form CMD', 'Dockerfile.production', /^CMD .*$/m, 'CMD node dist/main.js'],
  ['image', 'npm start', 'Dockerfile.production', /^CMD .*$/m, 'CMD ["npm", "start"]'],
  [
    'image',
    'shell-form HEALTHCHECK',
    'Dockerfile.production',
    /CMD \["node", "dist\/health-check.js"\]/,
    'CMD node dist/health-check.js',
  ],
  ['image', 'impatient HEALTHCHECK', 'Dockerfile.production', '--timeout=6s', '--timeout=3s'],
  [
    'image',
    'secret in ENV',
    'Dockerfile.production',
    'ENV NODE_ENV=production',
    'ENV BLIND_INDEX_KEY=abc NODE_ENV=production',
  ],
  [
    'image',
    'secret in ARG',
    'Dockerfile.production',
    'ARG VERSION=0.0.0',
    'ARG NPM_TOKEN\nARG VERSION=0.0.0',
  ],
  ['image', 'npm install', 'Dockerfile.production', 'npm ci --include=dev', 'npm install'],
  ['image', 'development packages', 'Dockerfile.production', 'npm ci --omit=dev', 'npm ci'],
  [
    'image',
    'node_modules of the build',
    'Dockerfile.production',
    '--from=dependencies /production/node_modules',
    '--from=build /app/node_modules',
  ],
  ['image', 'base without a version', 'Dockerfile.production', 'node:24.21.0-bookworm-slim', 'node:latest'],
  [
    'image',
    'ADD',
    'Dockerfile.production',
    'COPY package.json ./',
    'ADD https://example.com/package.json ./',
  ],
  ['image', 'SIGKILL', 'Dockerfile.production', 'STOPSIGNAL SIGTERM', 'STOPSIGNAL SIGKILL'],
  ['image', 'the whole context', '.dockerignore', /^\*$/m, '.git'],
  ['image', 'secrets in the context', '.dockerignore', '!package.json', '!.env\n!package.json'],
];

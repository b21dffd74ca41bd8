// @ts-check
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { PROJECT, PROJECT_NODE, fingerprint, runTool } from './project.mjs';

const GENERATED = 'src/infrastructure/database/prisma/generated';

/**
 * Generates the Prisma client when the schema has changed since, or the client is missing.
 *
 * @param {import('./steps.mjs').Steps} steps
 */
export async function ensureGenerated(steps) {
  const stamp = join(PROJECT, GENERATED, '.fingerprint');
  const wanted = fingerprint(['prisma/schema.prisma', 'node_modules/prisma/package.json']);
  if (readStamp(stamp) === wanted && existsSync(join(PROJECT, GENERATED, 'client.ts'))) return;
  await steps.run(
    'generating the Prisma client',
    async () => {
      const prisma = join(PROJECT, 'node_modules', 'prisma', 'build', 'index.js');
      // Generation needs no schema engine, but the command downloads one unless it is given a program.
      const env = {
        PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
        PRISMA_HIDE_UPDATE_MESSAGE: '1',
        CHECKPOINT_DISABLE: '1',
      };
      await runTool('prisma generate', PROJECT_NODE, [prisma, 'generate'], env);
      writeStamp(stamp, wanted);
    },
    () => 'Prisma client generated',
  );
}

/**
 * Builds `dist` when anything that goes into it has changed since the last build.
 *
 * @param {import('./steps.mjs').Steps} steps
 */
export async function ensureBuilt(steps) {
  const stamp = join(PROJECT, 'dist', '.fingerprint');
  const inputs = [
    'src',
    'prisma/schema.prisma',
    'nest-cli.json',
    'tsconfig.json',
    'tsconfig.build.json',
    '.swcrc',
    'package-lock.json',
  ];
  const wanted = fingerprint(inputs);
  if (readStamp(stamp) === wanted && existsSync(join(PROJECT, 'dist', 'main.js'))) return;
  await steps.run(
    'building (nest build)',
    async () => {
      await runTool('nest build', PROJECT_NODE, [
        join(PROJECT, 'node_modules', '@nestjs', 'cli', 'bin', 'nest.js'),
        'build',
      ]);
      writeStamp(stamp, wanted);
    },
    () => 'built',
  );
}

/** @param {string} path */
function readStamp(path) {
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}

/**
 * @param {string} path
 * @param {string} content
 */
function writeStamp(path, content) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
}

import type { Faker } from '@faker-js/faker';
import { runTool } from './bootstrap/run-tool.js';
import { runSeed } from './bootstrap/seed/run-seed.js';
import { loadConfig } from './config/index.js';

/** Only an empty catalogue needs it: it takes longer to load than everything else here. */
async function loadFaker(): Promise<Faker> {
  try {
    return (await import('@faker-js/faker/locale/en')).faker;
  } catch (error) {
    throw new Error('the demo shop is made with @faker-js/faker, which is a development package', {
      cause: error,
    });
  }
}

/** Prints what it does, and at the end one line of JSON for the program that called it. */
async function main(): Promise<number> {
  const report = await runSeed(loadConfig(), loadFaker, (line) => {
    process.stdout.write(`${line}\n`);
  });
  process.stdout.write(`${JSON.stringify(report)}\n`);
  return 0;
}

runTool('seed', main);

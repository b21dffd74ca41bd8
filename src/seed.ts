import type { Faker } from '@faker-js/faker';
import { runSeed } from './bootstrap/seed/run-seed.js';
import { ConfigurationError, loadConfig } from './config/index.js';

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
async function main(): Promise<void> {
  const report = await runSeed(loadConfig(), loadFaker, (line) => {
    process.stdout.write(`${line}\n`);
  });
  process.stdout.write(`${JSON.stringify(report)}\n`);
}

main().catch((error: unknown) => {
  const lines =
    error instanceof ConfigurationError
      ? error.problems
      : [error instanceof Error ? error.message : String(error)];
  for (const line of lines) process.stderr.write(`seed: ${line}\n`);
  process.exitCode = 1;
});

// npm run load:buyers -- COUNT [--lifetime-minutes 60] [--out FILE]
// Writes access tokens for COUNT buyers (and the administrator) for `npm run load`.
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { BUYER_ADDRESS_COUNT } from './buyer-address.mjs';
import { issueBuyers } from './buyers.mjs';
import { parseWholeNumber, runCommand } from './command-line.mjs';
import { findLocalInstallation } from './local-installation.mjs';

const USAGE = 'Usage: npm run load:buyers -- COUNT [--lifetime-minutes 60] [--out FILE]';

/** Half a day: a soak run fits, and a file forgotten on a disk is worthless tomorrow. */
const LIFETIME_MINUTES_MAX = 720;

/** @param {string[]} args */
function parseCommand(args) {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      'lifetime-minutes': { type: 'string', default: '60' },
      out: { type: 'string' },
    },
  });
  return {
    count: parseWholeNumber(positionals[0] ?? '5000', {
      name: 'COUNT',
      low: 1,
      high: BUYER_ADDRESS_COUNT,
    }),
    lifetimeMinutes: parseWholeNumber(values['lifetime-minutes'], {
      name: '--lifetime-minutes',
      low: 1,
      high: LIFETIME_MINUTES_MAX,
    }),
    out: values.out,
  };
}

async function main() {
  const command = parseCommand(process.argv.slice(2));
  const installation = findLocalInstallation(process.env);
  const startedAt = performance.now();
  const issued = await issueBuyers(installation, {
    count: command.count,
    lifetimeSeconds: command.lifetimeMinutes * 60,
  });

  const file = resolve(command.out ?? join(installation.dataDir, 'load-buyers.json'));
  await mkdir(dirname(file), { recursive: true });
  // The tokens are credentials: readable by their owner only, and never half a file.
  await writeFile(`${file}.new`, JSON.stringify(issued), { mode: 0o600 });
  await rename(`${file}.new`, file);

  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  console.log(`${String(issued.buyers.length)} buyers in ${seconds} s, valid until ${issued.expiresAt}`);
  console.log(`Written to ${file}`);
  if (!issued.admin) {
    console.log('No administrator found: pass ADMIN_EMAIL and ADMIN_PASSWORD to `npm run load`.');
  }
  return 0;
}

await runCommand(main, USAGE);

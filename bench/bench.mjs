// npm run bench [-- --only reads,orders,sold-out] [--rounds 5] [--seconds 4] [--check] [--profile]
// Ratios against bare references, measured in one interleaved run. See docs/capacity.md.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { parseWholeNumber, runCommand } from '../scripts/load/command-line.mjs';
import { LocalInstallationError } from '../scripts/load/local-installation.mjs';
import { findMissedTargets, renderReport } from './bench-report.mjs';
import { openBenchShop } from './bench-shop.mjs';
import { measureSyncsPerSecond } from './disk-sync.mjs';
import { compareOrders } from './order-comparison.mjs';
import { leaveServerCore, planCores } from './processor-cores.mjs';
import { compareReads } from './read-comparison.mjs';
import { compareSoldOut } from './sold-out-comparison.mjs';

const USAGE =
  'Usage: npm run bench [-- --only reads,orders,sold-out] [--rounds 5] [--seconds 4] [--check] [--profile]';

const RESULTS = fileURLToPath(new URL('results', import.meta.url));
const SECTIONS = ['reads', 'orders', 'sold-out'];

/** Half the time again before each round: the other side has just had the core and its caches. */
const WARM_UP_SHARE = 0.5;

/** @param {string[]} args */
function parseCommand(args) {
  const { values } = parseArgs({
    args,
    options: {
      only: { type: 'string', default: SECTIONS.join(',') },
      rounds: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '4' },
      check: { type: 'boolean', default: false },
      profile: { type: 'boolean', default: false },
    },
  });
  const sections = values.only.split(',');
  const unknown = sections.find((section) => !SECTIONS.includes(section));
  if (unknown !== undefined) throw new LocalInstallationError(`--only ${unknown}: ${USAGE}`);
  const roundMs = parseWholeNumber(values.seconds, { name: '--seconds', low: 1, high: 60 }) * 1000;
  return {
    sections,
    pace: {
      rounds: parseWholeNumber(values.rounds, { name: '--rounds', low: 1, high: 50 }),
      roundMs,
      warmUpMs: roundMs * WARM_UP_SHARE,
    },
    isCheck: values.check,
    profileDirectory: values.profile ? RESULTS : null,
  };
}

async function main() {
  const { sections, pace, isCheck, profileDirectory } = parseCommand(process.argv.slice(2));
  const say = (/** @type {string} */ step) => {
    console.error(`· ${step}`);
  };
  const cores = planCores();
  leaveServerCore(cores);
  const shop = await openBenchShop(cores, { say, profileDirectory });
  try {
    const syncsPerSecond = Math.round(measureSyncsPerSecond(shop.directory));
    say(`${cores.description}; ${String(syncsPerSecond)} fsyncs a second`);
    const comparisons = [];
    if (sections.includes('reads')) {
      say('reads');
      comparisons.push(...(await compareReads(shop, cores, pace)));
    }
    if (sections.includes('sold-out')) {
      say('sold-out answers');
      comparisons.push(...(await compareSoldOut(shop, cores, pace)));
    }
    if (sections.includes('orders')) {
      say('orders');
      comparisons.push(...(await compareOrders(shop, cores, pace)));
    }
    console.log(renderReport(comparisons));
    saveResults({ cores: cores.description, node: process.version, syncsPerSecond, pace, comparisons });
    const missed = findMissedTargets(comparisons);
    for (const line of missed) console.error(`Missed: ${line}`);
    return isCheck && missed.length > 0 ? 1 : 0;
  } finally {
    await shop.stop();
  }
}

/** @param {object} results */
function saveResults(results) {
  mkdirSync(RESULTS, { recursive: true });
  const file = join(RESULTS, `${new Date().toISOString().replaceAll(':', '')}.json`);
  writeFileSync(file, `${JSON.stringify(results, null, 2)}\n`);
  console.error(`· written to ${file}`);
}

await runCommand(main, USAGE);

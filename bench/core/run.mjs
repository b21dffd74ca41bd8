// npm run bench:core [-- --only rate-limiter,sessions] [--rounds 7] [--write] [--check]
// The core services beside the best of their kind: each goal measured in interleaved rounds of one run,
// medians. With --write the table in docs/capacity.md is written anew. With --check nothing is measured:
// every section is opened and closed, must name its goals and must leave no process behind.
//
// A section is a file in sections/ whose default export is a Section (core-bench.mjs): it opens what it
// needs (Redis, PostgreSQL, our classes from dist/, the peer from node_modules), measures, and closes it.
// Several sections are measured one after the other, each in a process of its own.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { parseWholeNumber, runCommand } from '../../scripts/load/command-line.mjs';
import { LocalInstallationError } from '../../scripts/load/local-installation.mjs';
import { measureGoal, renderRows, writeTable } from './core-bench.mjs';
import { checkSection } from './section-check.mjs';

const USAGE = 'Usage: npm run bench:core [-- --only NAME,NAME] [--rounds 7] [--write] [--check]';
const SECTIONS = fileURLToPath(new URL('sections', import.meta.url));

/** @param {string[]} args */
function parseCommand(args) {
  const { values } = parseArgs({
    args,
    options: {
      only: { type: 'string' },
      rounds: { type: 'string', default: '7' },
      write: { type: 'boolean', default: false },
      check: { type: 'boolean', default: false },
    },
  });
  const known = readdirSync(SECTIONS)
    .filter((file) => file.endsWith('.mjs'))
    .map((file) => file.slice(0, -'.mjs'.length));
  const wanted = values.only?.split(',') ?? known;
  const unknown = wanted.find((name) => !known.includes(name));
  if (unknown !== undefined) throw new LocalInstallationError(`--only ${unknown}: ${USAGE}`);
  return {
    wanted,
    rounds: parseWholeNumber(values.rounds, { name: '--rounds', low: 1, high: 99 }),
    isWritten: values.write,
    isCheck: values.check,
  };
}

/**
 * @param {string} name
 * @returns {Promise<import('./core-bench.mjs').Section>}
 */
async function loadSection(name) {
  /** @type {unknown} */
  const loaded = await import(`./sections/${name}.mjs`);
  return /** @type {{ default: import('./core-bench.mjs').Section }} */ (loaded).default;
}

/** @param {readonly string[]} names */
async function checkSections(names) {
  /** @type {Set<string>} */
  const ids = new Set();
  let faults = 0;
  for (const name of names) {
    const { goals, problems } = await checkSection(await loadSection(name), ids);
    console.log(`${problems.length === 0 ? 'ok' : 'NOT OK'}  ${name}: ${goals.join(', ')}`);
    for (const problem of problems) console.log(`        ${problem}`);
    faults += problems.length;
  }
  return faults === 0 ? 0 : 1;
}

/**
 * Each section in a process of its own: what one has compiled and left on the heap is no part of the next.
 *
 * @param {readonly string[]} names
 * @param {number} rounds
 * @param {boolean} isWritten
 */
function measureEach(names, rounds, isWritten) {
  const failed = names.filter((name) => {
    const args = ['--only', name, '--rounds', String(rounds), ...(isWritten ? ['--write'] : [])];
    const self = fileURLToPath(import.meta.url);
    return spawnSync(process.execPath, [self, ...args], { stdio: 'inherit' }).status !== 0;
  });
  return failed.length === 0 ? 0 : 1;
}

async function main() {
  const { wanted, rounds, isWritten, isCheck } = parseCommand(process.argv.slice(2));
  if (isCheck) return checkSections(wanted);
  if (wanted.length > 1) return measureEach(wanted, rounds, isWritten);
  /** @type {import('./core-bench.mjs').Row[]} */
  const rows = [];
  for (const name of wanted) {
    const section = await loadSection(name);
    console.error(`· ${name}`);
    const goals = await section.open();
    try {
      for (const goal of goals) {
        const row = await measureGoal(goal, rounds);
        rows.push(row);
        console.error(`  ${renderRows([row]).split('\n').at(-1) ?? ''}`);
      }
    } finally {
      await section.close();
    }
  }
  console.log(renderRows(rows));
  if (isWritten) writeTable(rows);
  return 0;
}

await runCommand(main, USAGE);

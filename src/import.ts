import { parseArgs } from 'node:util';
import { runImport } from './bootstrap/import/run-import.js';
import { runTool } from './bootstrap/run-tool.js';
import { SystemClock } from './common/clock.js';
import { loadConfig } from './config/index.js';

const USAGE = `Usage: npm run import -- FILE

Loads a catalogue into the database of DATABASE_URL, or of the local installation:
  FILE.csv    products and their variants, one row each, that share a slug
  FILE.json   a tree of categories: [{"id", "name", "path": [{"id", "name"}…]}…]
Either may be gzipped. Loading the same file again changes nothing.

Exit code 0: every row is in. 2: some rows were refused, each is listed with its line and the reason.
1: the import could not run, or not to the end of the file.
`;

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    options: { help: { type: 'boolean', short: 'h' } },
    allowPositionals: true,
  });
  if (values.help === true) {
    process.stdout.write(USAGE);
    return 0;
  }
  const [path, ...others] = positionals;
  if (path === undefined || others.length > 0) {
    process.stderr.write(USAGE);
    return 1;
  }
  return (await runImport(path, loadConfig(), new SystemClock(), process)) ? 0 : 2;
}

runTool('import', main);

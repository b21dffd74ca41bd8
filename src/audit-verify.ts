import { parseArgs } from 'node:util';
import { runVerify } from './bootstrap/audit/run-verify.js';
import { runTool } from './bootstrap/run-tool.js';
import { loadConfig } from './config/index.js';

const USAGE = `Usage: npm run audit:verify [-- --state FILE] [--checkpoints FILE]

Follows every chain of the audit log of DATABASE_URL, or of the local installation, and says of the first
position that is wrong what is wrong with it. Prints a signed checkpoint of each chain: keep it elsewhere.
  --state FILE        go on where the last run with this file ended, and remember there how far this one came
  --checkpoints FILE  checkpoints that were kept elsewhere, as this command prints them

Exit code 0: every chain is what was written. 2: one is not. 1: it could not be verified.
`;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      help: { type: 'boolean', short: 'h' },
      state: { type: 'string' },
      checkpoints: { type: 'string' },
    },
  });
  if (values.help === true) {
    process.stdout.write(USAGE);
    return 0;
  }
  const options = { stateFile: values.state ?? null, checkpointFile: values.checkpoints ?? null };
  const isIntact = await runVerify(options, loadConfig(), (line) => {
    process.stdout.write(`${line}\n`);
  });
  return isIntact ? 0 : 2;
}

runTool('audit:verify', main);

import { parseArgs } from 'node:util';
import { runArchiveCheck } from './bootstrap/audit/run-archive-check.js';
import { runVerify } from './bootstrap/audit/run-verify.js';
import { runTool } from './bootstrap/run-tool.js';
import { loadConfig } from './config/index.js';

const USAGE = `Usage: npm run audit:verify [-- --state FILE] [--checkpoints FILE]
       npm run audit:verify -- --archive FILE [--checkpoints FILE]

Follows every chain of the audit log of DATABASE_URL, or of the local installation, and says of the first
position that is wrong what is wrong with it. Prints a signed checkpoint of each chain: keep it elsewhere.
  --state FILE        go on where the last run with this file ended, and remember there how far this one came
  --checkpoints FILE  checkpoints that were kept elsewhere, as this command prints them, or as they lie in
                      AUDIT_CHECKPOINT_DIR
  --archive FILE      verifies a month that was archived, without a database; compares the file with the
                      checkpoints of AUDIT_CHECKPOINT_DIR and --checkpoints

Exit code 0: every chain is what was written. 2: one is not. 1: it could not be verified.
`;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      help: { type: 'boolean', short: 'h' },
      state: { type: 'string' },
      checkpoints: { type: 'string' },
      archive: { type: 'string' },
    },
  });
  if (values.help === true) {
    process.stdout.write(USAGE);
    return 0;
  }
  const options = { stateFile: values.state ?? null, checkpointFile: values.checkpoints ?? null };
  const print = (line: string) => {
    process.stdout.write(`${line}\n`);
  };
  const isIntact =
    values.archive === undefined
      ? await runVerify(options, loadConfig(), print)
      : await runArchiveCheck(values.archive, options.checkpointFile, loadConfig(), print);
  return isIntact ? 0 : 2;
}

runTool('audit:verify', main);

import { readFile } from 'node:fs/promises';
import type { AppConfig } from '../../config/index.js';
import { checkArchive, readKeptRecords } from '../../core/audit-log/index.js';

/**
 * Verifies one archived month and prints what it is. True when it is what was written, and no checkpoint of
 * its month says otherwise.
 * @throws Error when a file cannot be read.
 */
export async function runArchiveCheck(
  file: string,
  checkpointFile: string | null,
  config: AppConfig,
  print: (line: string) => void,
): Promise<boolean> {
  const text = checkpointFile === null ? '' : await readFile(checkpointFile, 'utf8');
  const given = text.split('\n').filter((line) => line.startsWith('retired '));
  const { records, forged } = await readKeptRecords(config, given);
  for (const line of forged) print(`FORGED checkpoint: ${line}`);

  const { record, entries, sha256, fault } = await checkArchive(file, config);
  print(`${file}: SHA-256 ${sha256}`);
  if (record === null || fault !== null) {
    print(`NOT INTACT: ${fault ?? 'no record'}`);
    return false;
  }
  const { month, ranges } = record;
  print(`intact: month ${month}, ${String(entries)} entries`);
  for (const { chain, from, to } of ranges)
    print(`  chain ${String(chain)}: positions ${String(from)} to ${String(to)}`);

  const ofMonth = records.filter((each) => each.month === month && each.archive !== null);
  const isNamed = ofMonth.some(({ archive }) => archive?.sha256 === sha256);
  if (isNamed) print('it is a file that a checkpoint of the month names');
  else if (ofMonth.length === 0) print('no checkpoint of the month is at hand to compare the file with');
  else print('ANOTHER file than the checkpoints of the month name');
  return forged.length === 0 && (isNamed || ofMonth.length === 0);
}

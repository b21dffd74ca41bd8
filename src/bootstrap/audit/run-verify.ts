import { existsSync } from 'node:fs';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AppConfig } from '../../config/index.js';
import {
  type AuditCheckpoint,
  AuditCheckpoints,
  AuditVerifier,
  AuditVerifierModule,
  type ChainReport,
  type RetirementRecord,
  Retirements,
} from '../../core/audit-log/index.js';
import { RedisService } from '../../infrastructure/redis/index.js';
import { createToolContext, requireDatabase } from '../tool-context.js';

const REDIS_WAIT_MS = 3000;
const REDIS_POLL_MS = 50;

export interface VerifyOptions {
  /** Where to go on from, and where to write how far it came; null begins anew and remembers nothing. */
  readonly stateFile: string | null;
  /** Checkpoints that were kept elsewhere, one a line. */
  readonly checkpointFile: string | null;
}

/**
 * Follows every chain and prints one line for each, and its checkpoint to be kept elsewhere. True when all
 * of them are what was written.
 * @throws Error when the database or a file cannot be used.
 */
export async function runVerify(
  options: VerifyOptions,
  config: AppConfig,
  print: (line: string) => void,
): Promise<boolean> {
  const context = await createToolContext(config, [AuditVerifierModule]);
  try {
    await requireDatabase(context);
    const [keeper, verifier] = [context.get(AuditCheckpoints), context.get(AuditVerifier)];
    const redis = context.get(RedisService);
    for (let waited = 0; !redis.isReady('main') && waited < REDIS_WAIT_MS; waited += REDIS_POLL_MS)
      await sleep(REDIS_POLL_MS);

    const kept = await keeper.read();
    if (!kept.isComplete) print('warning: Redis does not answer; its checkpoints are not taken into account');
    const given = await readCheckpoints(options.checkpointFile, keeper);
    // A state that is not there yet is that of a first run; checkpoints that are not there are a mistake.
    const isFirst = options.stateFile !== null && !existsSync(options.stateFile);
    const verified = await readCheckpoints(isFirst ? null : options.stateFile, keeper);
    const retirements = await context.get(Retirements).read(given.retirements);
    const { ranges: retired } = retirements;
    const checkpoints = [...kept.checkpoints, ...given.checkpoints];
    const forged = [...kept.forged, ...given.forged, ...verified.forged, ...retirements.forged];
    for (const line of forged) print(`FORGED checkpoint: ${line}`);
    for (const record of retirements.records) print(describeRetired(record));

    const heads = new Map(verified.checkpoints.map((each) => [each.chain, each]));
    const save = async () => {
      if (options.stateFile !== null)
        await writeAtomically(
          options.stateFile,
          [...heads].map(([chain, head]) => keeper.seal(chain, head)),
        );
    };
    let isIntact = forged.length === 0;
    for (const chain of await verifier.chains([...checkpoints, ...heads.values(), ...retired])) {
      const from = heads.get(chain);
      const report = await verifier.verify(chain, checkpoints, {
        ...(from === undefined ? {} : { from }),
        retired,
      });
      print(describe(report, from?.seq ?? 0));
      if (report.head.seq > 0) {
        print(`  checkpoint: ${keeper.seal(chain, report.head)}`);
        heads.set(chain, { ...report.head, chain, at: '' });
      }
      isIntact &&= report.fault === null;
      await save();
    }
    return isIntact;
  } finally {
    await context.close();
  }
}

function describeRetired({ month, at, entries, archive }: RetirementRecord): string {
  const file = archive === null ? 'no archive' : `archive ${archive.file} with SHA-256 ${archive.sha256}`;
  return `retired ${month}: ${String(entries)} entries at ${at ?? ''}, ${file}`;
}

function describe({ chain, count, head, fault, isUnattested }: ChainReport, from: number): string {
  const name = `chain ${String(chain)}`;
  if (fault !== null) {
    const entry = fault.entryId === null ? '' : ` (entry ${fault.entryId})`;
    return `${name}: ${fault.kind.toUpperCase()} at position ${String(fault.seq)}${entry}; intact up to ${String(head.seq)}`;
  }
  const note = isUnattested
    ? '; no checkpoint stands for it, so a tail that was cut off would not be seen'
    : '';
  return `${name}: intact, ${String(count)} entries verified, positions ${String(from + 1)} to ${String(head.seq)}${note}`;
}

async function readCheckpoints(
  file: string | null,
  keeper: AuditCheckpoints,
): Promise<{ checkpoints: AuditCheckpoint[]; retirements: string[]; forged: string[] }> {
  const text = file === null ? '' : await readFile(file, 'utf8');
  const checkpoints: AuditCheckpoint[] = [];
  const retirements: string[] = [];
  const forged: string[] = [];
  for (const line of text.split('\n').filter((each) => each.trim() !== '')) {
    if (line.startsWith('retired ')) {
      retirements.push(line.trim());
      continue;
    }
    const checkpoint = keeper.open(line.replace(/^\s*checkpoint: /, ''));
    if (checkpoint === null) forged.push(line);
    else checkpoints.push(checkpoint);
  }
  return { checkpoints, retirements, forged };
}

async function writeAtomically(file: string, lines: readonly string[]): Promise<void> {
  await writeFile(`${file}.new`, `${lines.join('\n')}\n`, { mode: 0o600 });
  await rename(`${file}.new`, file);
}

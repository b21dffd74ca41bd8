import { mkdir, open, readdir, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { Injectable } from '@nestjs/common';
import { AppConfig } from '../../../config/index.js';
import { redisKeys, RedisService } from '../../../infrastructure/redis/index.js';
import { AuditMonths } from './audit-months.js';
import {
  type RetiredRange,
  type RetirementRecord,
  retirementName,
  RetirementSigner,
} from './retirement-record.js';

/** Each month that is retired renews it. */
const LIFE_MS = 400 * 24 * 3_600_000;
const FILE = /^retired-[\w-]+\.checkpoint$/;

export interface RetirementsFound {
  readonly records: readonly RetirementRecord[];
  /** Of all of them. */
  readonly ranges: readonly RetiredRange[];
  /** Lines that we did not sign. */
  readonly forged: readonly string[];
}

/**
 * Keeps the signed records of retired months: in PostgreSQL beside the chains, and where the checkpoints are,
 * AUDIT_CHECKPOINT_DIR and Redis. A signature is worth the same wherever it lies, so what one of them has lost
 * another one knows; who deletes all of them makes the months missing.
 */
@Injectable()
export class Retirements {
  private readonly signer: RetirementSigner;
  private readonly directory: string;

  constructor(
    { secrets, env }: AppConfig,
    private readonly redis: RedisService,
    private readonly months: AuditMonths,
  ) {
    this.signer = new RetirementSigner(secrets);
    this.directory = env.AUDIT_CHECKPOINT_DIR;
  }

  /** Everything that can be found, in all places and in the given lines. */
  async read(given: readonly string[] = []): Promise<RetirementsFound> {
    const stored = await this.months.records();
    const kept = await this.readRedis().catch(() => []);
    return openRecords(this.signer, [...given, ...stored, ...kept, ...(await readFiles(this.directory))]);
  }

  seal(record: RetirementRecord): string {
    return this.signer.seal(record);
  }

  /** Takes a record to the places outside of PostgreSQL; there when it resolves. */
  async keep(record: RetirementRecord, line: string): Promise<void> {
    const name = retirementName(record);
    await this.toFile(name, line);
    const client = this.redis.client('main');
    await client.hset(redisKeys.auditRetirements(), name, line);
    await client.pexpire(redisKeys.auditRetirements(), LIFE_MS);
  }

  private async toFile(name: string, line: string): Promise<void> {
    if (this.directory === '') return;
    await mkdir(this.directory, { recursive: true });
    const path = join(this.directory, `retired-${name}.checkpoint`);
    const file = await open(`${path}.new`, 'w', 0o600);
    try {
      await file.writeFile(`${line}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(`${path}.new`, path);
  }

  private async readRedis(): Promise<string[]> {
    return Object.values(await this.redis.client('main').hgetall(redisKeys.auditRetirements()));
  }
}

/** The records in the files of AUDIT_CHECKPOINT_DIR, for whoever has nothing else. */
export async function readKeptRecords({ secrets, env }: AppConfig, given: readonly string[]) {
  const lines = await readFiles(env.AUDIT_CHECKPOINT_DIR);
  return openRecords(new RetirementSigner(secrets), [...given, ...lines]);
}

async function readFiles(directory: string): Promise<string[]> {
  if (directory === '') return [];
  const names = await readdir(directory).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  });
  const texts = await Promise.all(
    names.filter((name) => FILE.test(name)).map((name) => readFile(join(directory, name), 'utf8')),
  );
  return texts.map((text) => text.trim());
}

function openRecords(signer: RetirementSigner, lines: readonly string[]): RetirementsFound {
  const records: RetirementRecord[] = [];
  const forged: string[] = [];
  for (const line of new Set(lines)) {
    const record = signer.open(line);
    if (record === null) forged.push(line);
    else records.push(record);
  }
  return { records, ranges: records.flatMap(({ ranges }) => ranges), forged };
}

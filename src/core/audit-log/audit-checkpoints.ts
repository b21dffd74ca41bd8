import { appendFile, mkdir, open, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type BeforeApplicationShutdown, Injectable } from '@nestjs/common';
import { Clock } from '../../common/clock.js';
import { AppConfig } from '../../config/index.js';
import { Logger } from '../../infrastructure/logging/index.js';
import { redisKeys, RedisService } from '../../infrastructure/redis/index.js';
import type { ChainHead } from './audit-chain.js';
import { type AuditCheckpoint, CheckpointSigner } from './audit-checkpoint.js';

const LIFE_MS = 400 * 24 * 3_600_000;
const FILE = /^chain-\d+\.checkpoints$/;

/**
 * Keeps signed checkpoints of the chains where nobody reaches who only reaches PostgreSQL: every one in the
 * append-only files of AUDIT_CHECKPOINT_DIR, the latest of each chain in Redis. A chain that moves gets one
 * every AUDIT_CHECKPOINT_INTERVAL_MS; what is cut off its tail within that time cannot be shown.
 */
@Injectable()
export class AuditCheckpoints implements BeforeApplicationShutdown {
  private readonly signer: CheckpointSigner;
  private readonly due = new Map<number, ChainHead>();
  private timer: NodeJS.Timeout | null = null;
  private writing: Promise<void> = Promise.resolve();

  constructor(
    private readonly config: AppConfig,
    private readonly redis: RedisService,
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {
    this.signer = new CheckpointSigner(config.secrets);
  }

  /** The chain has come to this link, committed. */
  note(chain: number, { seq, hash }: ChainHead): void {
    this.due.set(chain, { seq, hash });
    this.timer ??= setTimeout(() => {
      this.timer = null;
      this.writing = this.writing.then(() => this.write());
    }, this.config.env.AUDIT_CHECKPOINT_INTERVAL_MS);
  }

  async beforeApplicationShutdown(): Promise<void> {
    if (this.timer !== null) clearTimeout(this.timer);
    await this.writing;
    await this.write();
  }

  /** Every checkpoint that can be found, and lines that we did not sign. `isComplete`: Redis was asked too. */
  async read(): Promise<{ checkpoints: AuditCheckpoint[]; forged: string[]; isComplete: boolean }> {
    const kept = await this.readRedis().catch(() => null);
    const checkpoints: AuditCheckpoint[] = [];
    const forged: string[] = [];
    for (const line of [...(await this.readFiles()), ...(kept ?? [])]) {
      const checkpoint = this.signer.open(line);
      if (checkpoint === null) forged.push(line);
      else checkpoints.push(checkpoint);
    }
    return { checkpoints, forged, isComplete: kept !== null };
  }

  /** A line that `read` and the verifier accept, for whoever keeps checkpoints elsewhere. */
  seal(chain: number, { seq, hash }: ChainHead): string {
    return this.signer.seal({ chain, seq, hash, at: this.clock.now().toISOString() });
  }

  open(line: string): AuditCheckpoint | null {
    return this.signer.open(line);
  }

  private async write(): Promise<void> {
    const heads = [...this.due];
    this.due.clear();
    for (const [chain, head] of heads) {
      const line = this.seal(chain, head);
      const outcomes = await Promise.allSettled([this.toFile(chain, line), this.toRedis(chain, line)]);
      const [failure] = outcomes.filter((outcome) => outcome.status === 'rejected');
      if (failure !== undefined)
        this.logger.warn(
          { chain, reason: String(failure.reason) },
          'an audit checkpoint was not kept everywhere',
        );
    }
  }

  private async toFile(chain: number, line: string): Promise<void> {
    const { AUDIT_CHECKPOINT_DIR: directory } = this.config.env;
    if (directory === '') return;
    await mkdir(directory, { recursive: true });
    const file = await open(join(directory, `chain-${String(chain)}.checkpoints`), 'a', 0o600);
    try {
      await appendFile(file, `${line}\n`);
      await file.datasync();
    } finally {
      await file.close();
    }
  }

  private async toRedis(chain: number, line: string): Promise<void> {
    await this.redis.client('main').set(redisKeys.auditCheckpoint(String(chain)), line, 'PX', LIFE_MS);
  }

  private async readFiles(): Promise<string[]> {
    const { AUDIT_CHECKPOINT_DIR: directory } = this.config.env;
    if (directory === '') return [];
    const names = await readdir(directory).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
    });
    const files = await Promise.all(
      names.filter((name) => FILE.test(name)).map((name) => readFile(join(directory, name), 'utf8')),
    );
    return files.flatMap((text) => text.split('\n').filter((line) => line !== ''));
  }

  private async readRedis(): Promise<string[]> {
    const client = this.redis.client('main');
    const lines = await Promise.all(
      Array.from({ length: this.config.env.AUDIT_PARTITIONS + 1 }, (_, chain) =>
        client.get(redisKeys.auditCheckpoint(String(chain))),
      ),
    );
    return lines.filter((line) => line !== null);
  }
}

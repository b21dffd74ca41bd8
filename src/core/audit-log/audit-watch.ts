import { Injectable, type OnModuleInit } from '@nestjs/common';
import { AppConfig } from '../../config/index.js';
import { Logger } from '../../infrastructure/logging/index.js';
import { JobRunner } from '../jobs/index.js';
import type { ChainHead } from './audit-chain.js';
import { AuditCheckpoints } from './audit-checkpoints.js';
import { AuditMetrics } from './audit-log.metrics.js';
import { AuditVerifier } from './audit-verifier.js';
import { Retirements } from './retention/retirements.js';

const INTERVAL_MS = 60_000;
/** So many links of each chain at most in one run: half a second. */
const ROWS_MAX = 50_000;

/**
 * Verifies in the background what was appended since the process began to look, from the latest checkpoint
 * on, and shows the result. The whole chains are the matter of `npm run audit:verify`.
 */
@Injectable()
export class AuditWatch implements OnModuleInit {
  private readonly heads = new Map<number, ChainHead>();

  constructor(
    private readonly config: AppConfig,
    private readonly jobs: JobRunner,
    private readonly verifier: AuditVerifier,
    private readonly checkpoints: AuditCheckpoints,
    private readonly retirements: Retirements,
    private readonly logger: Logger,
    private readonly metrics: AuditMetrics,
  ) {}

  onModuleInit(): void {
    if (!this.config.env.FEATURE_AUDIT_LOG) return;
    this.jobs.register({
      name: 'audit-watch',
      intervalMs: INTERVAL_MS,
      isSingleton: true,
      run: () => this.look(),
    });
  }

  /** True when there is more to verify. */
  async look(): Promise<boolean> {
    const { checkpoints } = await this.checkpoints.read();
    const { ranges: retired } = await this.retirements.read();
    let hasMore = false;
    for (const chain of await this.verifier.chains(checkpoints)) {
      const latest = checkpoints.filter((each) => each.chain === chain).sort((a, b) => b.seq - a.seq)[0];
      const from = this.heads.get(chain) ?? latest;
      const report = await this.verifier.verify(chain, checkpoints, {
        ...(from === undefined ? {} : { from }),
        rowsMax: ROWS_MAX,
        retired,
      });
      this.metrics.verified.inc(report.count);
      this.metrics.isIntact.set({ chain: String(chain) }, report.fault === null ? 1 : 0);
      if (report.fault !== null)
        this.logger.error({ fault: report.fault }, 'the audit log was tampered with');
      else this.heads.set(chain, report.head);
      hasMore ||= report.count >= ROWS_MAX;
    }
    return hasMore;
  }
}

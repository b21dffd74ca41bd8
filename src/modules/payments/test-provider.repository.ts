import { Injectable } from '@nestjs/common';
import { OptimizedPrismaService } from '../../infrastructure/database/prisma/index.js';

export interface TestCharge {
  readonly status: 'succeeded' | 'declined';
  /** True when this call moved the money, false when the charge was there before. */
  readonly isNew: boolean;
}

/** The test provider's own books, as if on its side of the wire. */
@Injectable()
export class TestProviderRepository {
  constructor(private readonly database: OptimizedPrismaService) {}

  /** Enters a charge unless the intent has an entry; what is in the books either way. */
  async charge(
    intentId: string,
    amountMinor: number,
    currency: string,
    status: 'succeeded' | 'declined',
  ): Promise<TestCharge> {
    const made = await this.database.write.testProviderCharge.createMany({
      data: [{ intentId, amountMinor, currency, status, chargeCount: status === 'succeeded' ? 1 : 0 }],
      skipDuplicates: true,
    });
    const charge = await this.database.write.testProviderCharge.findUniqueOrThrow({ where: { intentId } });
    return { status: charge.status as TestCharge['status'], isNew: made.count === 1 };
  }

  /** Counts a refund once. */
  async refund(intentId: string): Promise<void> {
    await this.database.write.testProviderCharge.updateMany({
      where: { intentId, status: 'succeeded', refundCount: 0 },
      data: { refundCount: 1 },
    });
  }
}

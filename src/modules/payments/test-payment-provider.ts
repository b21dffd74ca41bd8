import { Injectable } from '@nestjs/common';
import { type ChargeOutcome, PaymentProvider, type ChargeRequest } from './payment-provider.js';
import { TestProviderRepository } from './test-provider.repository.js';

export const TEST_TOKENS = ['tok_success', 'tok_decline', 'tok_timeout', 'tok_outage'] as const;

/**
 * A provider whose behaviour the token decides: `tok_success` charges, `tok_decline` refuses,
 * `tok_timeout` charges but loses the answer of the first call, the worst a network can do, and
 * `tok_outage` finds the provider out of order: nothing is charged, whenever it comes. Its books are kept outside of the process, so that "never two charges" can be counted.
 */
@Injectable()
export class TestPaymentProvider extends PaymentProvider {
  override readonly name = 'test';

  constructor(private readonly books: TestProviderRepository) {
    super();
  }

  override async charge(request: ChargeRequest, signal: AbortSignal): Promise<ChargeOutcome> {
    const { intentId, amountMinor, currency, token } = request;
    if (token === 'tok_outage') throw new Error('the test provider is out of order');
    const status = token === 'tok_decline' ? 'declined' : 'succeeded';
    const charge = await this.books.charge(intentId, amountMinor, currency, status);
    if (token === 'tok_timeout' && charge.isNew) await silence(signal);
    return outcomeOf(charge.status);
  }

  override async resolve(intentId: string): Promise<ChargeOutcome> {
    const { status } = await this.books.charge(intentId, 0, 'XXX', 'declined');
    return outcomeOf(status);
  }

  override async refund(intentId: string): Promise<void> {
    await this.books.refund(intentId);
  }
}

function outcomeOf(status: 'succeeded' | 'declined'): ChargeOutcome {
  return status === 'succeeded' ? { kind: 'succeeded' } : { kind: 'declined', reason: 'card_declined' };
}

/** Nothing comes back until the caller gives up. */
function silence(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const giveUp = () => {
      reject(new Error('aborted', { cause: signal.reason }));
    };
    if (signal.aborted) giveUp();
    else signal.addEventListener('abort', giveUp, { once: true });
  });
}

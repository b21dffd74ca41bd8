import { Injectable } from '@nestjs/common';
import { AppConfig } from '../../config/index.js';
import { Metrics } from '../../infrastructure/metrics/index.js';
import type { PaymentIntent } from './payment-intent.js';
import {
  type ChargeOutcome,
  type PaymentProvider,
  PaymentTimeoutError,
  PaymentUnavailableError,
} from './payment-provider.js';
import { TestPaymentProvider } from './test-payment-provider.js';

export const PAYMENT_PROVIDERS = ['test'] as const;

/** Calls of the providers, each with a deadline. Nothing here touches an order. */
@Injectable()
export class PaymentsService {
  private readonly providers: ReadonlyMap<string, PaymentProvider>;
  private readonly calls;

  constructor(
    private readonly config: AppConfig,
    testProvider: TestPaymentProvider,
    metrics: Metrics,
  ) {
    this.providers = new Map([[testProvider.name, testProvider]]);
    this.calls = metrics.counter({
      name: 'payments_provider_calls_total',
      help: 'Calls of payment providers by outcome',
      labelNames: ['operation', 'outcome'],
    });
  }

  /** @throws PaymentTimeoutError when the outcome is unknown, PaymentUnavailableError when the call failed. */
  charge(intent: PaymentIntent, token: string): Promise<ChargeOutcome> {
    const { id: intentId, amountMinor, currency } = intent;
    return this.call('charge', (signal) =>
      this.provider(intent).charge({ intentId, amountMinor, currency, token }, signal),
    );
  }

  /** What has become of the intent; final. @throws as {@link charge}. */
  resolve(intent: PaymentIntent): Promise<ChargeOutcome> {
    return this.call('resolve', (signal) => this.provider(intent).resolve(intent.id, signal));
  }

  /** @throws as {@link charge}; trying again is safe. */
  refund(intent: PaymentIntent): Promise<void> {
    return this.call('refund', (signal) => this.provider(intent).refund(intent.id, signal));
  }

  private provider(intent: PaymentIntent): PaymentProvider {
    const provider = this.providers.get(intent.provider);
    if (provider === undefined) throw new Error(`no payment provider is called ${intent.provider}`);
    return provider;
  }

  private async call<T>(operation: string, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const signal = AbortSignal.timeout(this.config.env.PAYMENT_PROVIDER_TIMEOUT_MS);
    const deadline = new Promise<never>((_resolve, reject) => {
      signal.addEventListener(
        'abort',
        () => {
          reject(new PaymentTimeoutError());
        },
        { once: true },
      );
    });
    const done = (outcome: string) => {
      this.calls.inc({ operation, outcome });
    };
    try {
      // A provider that ignores the signal is left behind.
      const result = await Promise.race([work(signal), deadline]);
      done('answered');
      return result;
    } catch (error) {
      if (signal.aborted) {
        done('timeout');
        throw new PaymentTimeoutError();
      }
      done('failed');
      throw new PaymentUnavailableError(error);
    }
  }
}

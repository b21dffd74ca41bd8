import { Injectable } from '@nestjs/common';
import { AppConfig } from '../../config/index.js';
import {
  type Breaker,
  CallTimeoutError,
  CircuitRefusedError,
  DistributedCircuitBreakerService,
  type Refusal,
} from '../../core/circuit-breaker/index.js';
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

/** A call that takes most of its deadline is slow: the provider is about to miss it. */
const SLOW_SHARE = 0.75;

/** Leave to charge once. Whoever does not charge gives it back. */
export interface ChargeLeave {
  /** @throws PaymentTimeoutError when the outcome is unknown, PaymentUnavailableError when the call failed. */
  charge(intent: PaymentIntent, token: string): Promise<ChargeOutcome>;
  release(): void;
}

interface GuardedProvider {
  readonly provider: PaymentProvider;
  readonly breaker: Breaker;
}

/**
 * Calls of the providers, each with a deadline and through the circuit breaker `payments-<provider>`.
 * Nothing here touches an order.
 */
@Injectable()
export class PaymentsService {
  private readonly providers: ReadonlyMap<string, GuardedProvider>;
  private readonly calls;

  constructor(
    config: AppConfig,
    breakers: DistributedCircuitBreakerService,
    testProvider: TestPaymentProvider,
    metrics: Metrics,
  ) {
    const { PAYMENT_PROVIDER_TIMEOUT_MS: timeoutMs, PAYMENT_PROVIDER_CONCURRENCY_MAX: concurrencyMax } =
      config.env;
    const guard = (provider: PaymentProvider): [string, GuardedProvider] => {
      const slowCallMs = SLOW_SHARE * timeoutMs;
      const breaker = breakers.create(`payments-${provider.name}`, { timeoutMs, slowCallMs, concurrencyMax });
      return [provider.name, { provider, breaker }];
    };
    this.providers = new Map([guard(testProvider)]);
    this.calls = metrics.counter({
      name: 'payments_provider_calls_total',
      help: 'Calls of payment providers by outcome',
      labelNames: ['operation', 'outcome'],
    });
  }

  /**
   * Leave to charge, or why there is none: asked before an intent is committed, so that an intent that
   * is refused was never made.
   */
  async admitCharge(providerName: string): Promise<ChargeLeave | PaymentUnavailableError> {
    const { provider, breaker } = this.guarded(providerName);
    const admission = await breaker.admit();
    if (admission.kind === 'refused') {
      this.calls.inc({ operation: 'charge', outcome: 'refused' });
      return unavailable(admission);
    }
    return {
      charge: ({ id: intentId, amountMinor, currency }, token) =>
        this.observe(
          'charge',
          admission.run(({ signal }) => provider.charge({ intentId, amountMinor, currency, token }, signal)),
        ),
      release: () => {
        admission.release();
      },
    };
  }

  /** What has become of the intent; final. @throws as {@link ChargeLeave.charge}. */
  resolve(intent: PaymentIntent): Promise<ChargeOutcome> {
    const { provider, breaker } = this.guarded(intent.provider);
    return this.observe(
      'resolve',
      breaker.execute((call) => provider.resolve(intent.id, call.signal)),
    );
  }

  /** @throws as {@link ChargeLeave.charge}; trying again is safe. */
  refund(intent: PaymentIntent): Promise<void> {
    const { provider, breaker } = this.guarded(intent.provider);
    return this.observe(
      'refund',
      breaker.execute((call) => provider.refund(intent.id, call.signal)),
    );
  }

  private guarded(name: string): GuardedProvider {
    const guarded = this.providers.get(name);
    if (guarded === undefined) throw new Error(`no payment provider is called ${name}`);
    return guarded;
  }

  /** Counts the call, and says in the words of this module how it failed. */
  private async observe<T>(operation: string, call: Promise<T>): Promise<T> {
    const done = (outcome: string) => {
      this.calls.inc({ operation, outcome });
    };
    try {
      const result = await call;
      done('answered');
      return result;
    } catch (error) {
      if (error instanceof CallTimeoutError) {
        done('timeout');
        throw new PaymentTimeoutError();
      }
      if (error instanceof CircuitRefusedError) {
        done('refused');
        throw unavailable(error);
      }
      done('failed');
      throw new PaymentUnavailableError(error);
    }
  }
}

const unavailable = (refusal: Refusal) => new PaymentUnavailableError(refusal, refusal.retryAfterMs);

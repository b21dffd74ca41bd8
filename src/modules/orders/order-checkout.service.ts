import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { Clock } from '../../common/clock.js';
import { Problem } from '../../common/problem.js';
import { AppConfig } from '../../config/index.js';
import type { Principal } from '../../core/access-control/index.js';
import { AdmissionLedger } from '../../core/admission/index.js';
import type { AuditedBy } from '../../core/audit-log/index.js';
import { FieldEncryption } from '../../core/field-encryption/index.js';
import { GroupCommitter, GroupDeadlineError, GroupQueueFullError } from '../../core/group-commit/index.js';
import { fingerprintOf, IdempotencyScope, type StoredAnswer } from '../../core/idempotency/index.js';
import { ReadConsistency } from '../../core/read-consistency/index.js';
import { Metrics } from '../../infrastructure/metrics/index.js';
import { CartService } from '../cart/index.js';
import { SoldOutHints } from '../inventory/index.js';
import type { PlaceOrderDto } from './dto/place-order.dto.js';
import { OrderPlacement, type Placement, type PlacementRequest } from './order-placement.js';
import { OrdersRepository } from './orders.repository.js';

export interface CheckoutAnswer extends StoredAnswer {
  /** The answer was stored by an earlier request with the same key. */
  readonly isReplay: boolean;
}

/** What a request asks for, and the cart that it comes from. */
interface Wanted extends Pick<PlacementRequest, 'cart' | 'lines'> {
  /** Why the cart cannot be ordered. */
  readonly cartRefusal: Problem | null;
}

const PLACE_ORDER_ROUTE = 'POST /orders';
/** What a buyer's shipping address is bound to: it must not be readable as another buyer's. */
export const addressContext = (userId: string): string => `orders.shipping_address:${userId}`;

const OUTCOMES = [
  'answered',
  'busy',
  'key-reused',
  'out-of-stock',
  'unknown-variant',
  'no-price',
  'too-large',
  'cart-changed',
  'sold-out-hint',
  'queue-full',
] as const;
const BUSY_PAUSE_MS = 20;
/** No cart is ever at this version. */
const NO_VERSION = -1;
const BATCH_SIZE_BUCKETS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];

/**
 * Takes an order from its request to its answer: the quick refusal in front, then the queue of the
 * group commit.
 */
@Injectable()
export class OrderCheckoutService implements OnModuleDestroy {
  private readonly committer: GroupCommitter<PlacementRequest, Placement>;
  private readonly outcomes;

  constructor(
    private readonly config: AppConfig,
    private readonly clock: Clock,
    private readonly admission: AdmissionLedger,
    private readonly hints: SoldOutHints,
    private readonly carts: CartService,
    private readonly encryption: FieldEncryption,
    private readonly consistency: ReadConsistency,
    placement: OrderPlacement,
    metrics: Metrics,
  ) {
    const { env } = config;
    const batchSizes = metrics.histogram({
      name: 'orders_batch_size',
      help: 'Orders decided in one transaction',
      buckets: BATCH_SIZE_BUCKETS,
    });
    this.outcomes = metrics.tallies({
      name: 'orders_placed_total',
      help: 'Requests to place an order by outcome',
      label: 'outcome',
      values: OUTCOMES,
    });
    this.committer = new GroupCommitter(
      {
        batchMax: env.ORDER_BATCH_MAX,
        queueMax: env.ORDER_QUEUE_MAX,
        lingerMs: env.ORDER_BATCH_LINGER_MS,
        concurrency: env.ORDER_BATCH_CONCURRENCY,
        deadlineMs: env.ORDER_DEADLINE_MS,
      },
      clock,
      (requests, endBegins) => placement.place(requests, endBegins),
      (error) => !OrdersRepository.isOutage(error),
      (size) => {
        batchSizes.observe(size);
      },
    );
    metrics.reading({
      name: 'orders_queue_length',
      help: 'Orders that wait for a batch',
      read: () => this.committer.depth,
    });
  }

  /**
   * The stored answer of the order, new or replayed; byte for byte the same for the same key.
   * @throws Problem for every refusal; none of them is stored.
   */
  async place(principal: Principal, key: string, dto: PlaceOrderDto, by: AuditedBy): Promise<CheckoutAnswer> {
    const { userId } = principal;
    const scope = new IdempotencyScope(userId, PLACE_ORDER_ROUTE, key);
    const wanted =
      dto.cartId === undefined ? wantedLines(dto.lines ?? []) : await this.wantedCart(dto.cartId, principal);
    const soldOut = wanted.lines.filter(({ variantId }) => this.hints.isSoldOut(variantId));
    if (soldOut.length > 0 && (await this.admission.isKnownNew(scope.digest))) throw this.turnAway(soldOut);

    const { outcome, position } = await this.decide({
      scope,
      fingerprint: fingerprintOf(this.contentOf(dto)),
      userId,
      currency: this.currencyOf(dto),
      lines: wanted.lines,
      cart: wanted.cart,
      by,
      // Only worth its time for an order that may be placed.
      shippingAddressCiphertext: this.encryption.encrypt(
        JSON.stringify(dto.shippingAddress),
        addressContext(userId),
      ),
    });
    this.outcomes[outcome.kind].inc();
    switch (outcome.kind) {
      case 'answered':
        // After the batch, so that the next one does not wait for it.
        await this.consistency.recordWrite(userId, position);
        return { ...outcome.answer, isReplay: outcome.isReplay };
      case 'busy':
        throw new Problem('IDEMPOTENCY_KEY_IN_PROGRESS', { retryAfterSeconds: 1 });
      case 'key-reused':
        throw new Problem('IDEMPOTENCY_KEY_REUSED');
      case 'out-of-stock':
        throw outOfStock(outcome.shortages);
      case 'unknown-variant':
        throw new Problem('VARIANT_NOT_FOUND', { extensions: { variantId: outcome.variantId } });
      case 'no-price':
        throw new Problem('CURRENCY_NOT_SUPPORTED', { extensions: { variantId: outcome.variantId } });
      case 'too-large':
        throw new Problem('ORDER_TOTAL_TOO_LARGE');
      case 'cart-changed':
        throw wanted.cartRefusal ?? new Problem('CART_CHANGED');
    }
  }

  async onModuleDestroy(): Promise<void> {
    await this.committer.whenIdle();
  }

  /** Without a question to PostgreSQL. */
  private turnAway(soldOut: Wanted['lines']): Problem {
    this.outcomes['sold-out-hint'].inc();
    return outOfStock(
      soldOut.map(({ variantId, quantity }) => ({ variantId, requested: quantity, available: 0 })),
    );
  }

  /**
   * A cart that cannot be ordered is no refusal yet: its order may have been placed by this very key, whose
   * stored answer the batch then finds.
   */
  private async wantedCart(cartId: string, principal: Principal): Promise<Wanted> {
    try {
      const { id, version, lines } = await this.carts.getForOrder(cartId, principal);
      return { ...wantedLines(lines), cart: { id, version } };
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      return { cart: { id: cartId, version: NO_VERSION }, lines: [], cartRefusal: error };
    }
  }

  private currencyOf({ currency }: PlaceOrderDto): string {
    return currency ?? this.config.env.DEFAULT_CURRENCY;
  }

  /** What must be the same whenever the key comes again, whatever order the fields come in. */
  private contentOf(dto: PlaceOrderDto): unknown {
    const { name, line1, line2, city, region, postalCode, country, phone } = dto.shippingAddress;
    return [
      dto.lines?.map(({ variantId, quantity }) => [variantId.toLowerCase(), quantity]),
      dto.cartId?.toLowerCase(),
      this.currencyOf(dto),
      [name, line1, line2, city, region, postalCode, country, phone],
    ];
  }

  /** Waits, within the order's own deadline, while the same key is being decided elsewhere. */
  private async decide(request: PlacementRequest): Promise<Placement> {
    const endsMs = this.clock.monotonicMs() + this.config.env.ORDER_DEADLINE_MS;
    for (;;) {
      const placement = await this.submit(request);
      if (placement.outcome.kind !== 'busy' || this.clock.monotonicMs() > endsMs) return placement;
      await sleep(BUSY_PAUSE_MS);
    }
  }

  private async submit(request: PlacementRequest): Promise<Placement> {
    try {
      return await this.committer.submit(request);
    } catch (error) {
      if (error instanceof GroupQueueFullError || error instanceof GroupDeadlineError) {
        this.outcomes['queue-full'].inc();
        throw new Problem('ORDER_QUEUE_FULL', { retryAfterSeconds: 1, cause: error });
      }
      // The account of a token that is still valid can be gone.
      if (OrdersRepository.isUnknownUser(error)) throw new Problem('ACCESS_TOKEN_INVALID', { cause: error });
      throw error;
    }
  }
}

function outOfStock(
  shortages: readonly { variantId: string; requested: number; available: number }[],
): Problem {
  return new Problem('ORDER_OUT_OF_STOCK', { extensions: { shortages } });
}

function wantedLines(lines: Wanted['lines']): Wanted {
  return { lines: mergeLines(lines), cart: null, cartRefusal: null };
}

function mergeLines(lines: Wanted['lines']): Wanted['lines'] {
  const quantities = new Map<string, number>();
  for (const { variantId, quantity } of lines) {
    const id = variantId.toLowerCase();
    quantities.set(id, (quantities.get(id) ?? 0) + quantity);
  }
  return [...quantities].map(([variantId, quantity]) => ({ variantId, quantity }));
}

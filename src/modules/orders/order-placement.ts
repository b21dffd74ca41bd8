import { Injectable } from '@nestjs/common';
import { newId } from '../../common/ids.js';
import { Clock } from '../../common/clock.js';
import { AppConfig } from '../../config/index.js';
import type { AuditedBy } from '../../core/audit-log/index.js';
import { AdmissionLedger } from '../../core/admission/index.js';
import { EventOutbox, type NewEvent } from '../../core/events/index.js';
import { type IdempotencyScope, IdempotencyStore, type StoredAnswer } from '../../core/idempotency/index.js';
import { CartRepository } from '../cart/index.js';
import {
  allocate,
  type Offer,
  type Shortage,
  SoldOutHints,
  stockChanged,
  type StockLevel,
  StockRepository,
} from '../inventory/index.js';
import { orderNumber } from './order-number.js';
import { isCountable, type PricedLine, priceOrder } from './order-pricing.js';
import { viewOf } from './order.js';
import { orderEvent } from './orders.events.js';
import {
  type NewOrder,
  OrdersRepository,
  type SqlTransaction,
  type WalPosition,
} from './orders.repository.js';

/** One buyer's wish to order, checked for everything that needs no database. */
export interface PlacementRequest {
  readonly scope: IdempotencyScope;
  readonly fingerprint: Buffer;
  readonly userId: string;
  readonly currency: string;
  /** Each variant once. */
  readonly lines: readonly { readonly variantId: string; readonly quantity: number }[];
  /** Set when the lines are those of a cart: they are taken out of it if it is still at this version. */
  readonly cart: { readonly id: string; readonly version: number } | null;
  readonly shippingAddressCiphertext: Buffer;
  readonly by: AuditedBy;
}

export type PlacementOutcome =
  | { readonly kind: 'answered'; readonly answer: StoredAnswer; readonly isReplay: boolean }
  /** The same key is being decided elsewhere; ask again. */
  | { readonly kind: 'busy' }
  | { readonly kind: 'key-reused' }
  | { readonly kind: 'out-of-stock'; readonly shortages: readonly Shortage[] }
  | { readonly kind: 'unknown-variant'; readonly variantId: string }
  | { readonly kind: 'no-price'; readonly variantId: string }
  | { readonly kind: 'too-large' }
  | { readonly kind: 'cart-changed' };

export interface Placement {
  readonly outcome: PlacementOutcome;
  /** At or behind it lies what the outcome tells of. */
  readonly position: WalPosition;
}

interface Candidate {
  readonly index: number;
  readonly request: PlacementRequest;
}

const CREATED = 201;
const ADMISSION_ATTEMPTS = 4;

/** What the database says of a batch, read under the locks that keep it true. */
interface Seen {
  readonly mayAdmit: boolean;
  readonly now: Date;
  /** For each request, whether this transaction owns its key. */
  readonly claims: readonly boolean[];
  /** For each request, the answer that its key has; only to be believed of a claimed one. */
  readonly stored: readonly (StoredAnswer | null)[];
  /** Present versions of the carts, by id. */
  readonly cartVersions: ReadonlyMap<string, number>;
  readonly offers: ReadonlyMap<string, Offer>;
}

/** What becomes of a batch. */
interface Decision {
  /** Undefined where the answer is only known when the order is written. */
  readonly outcomes: (PlacementOutcome | undefined)[];
  readonly granted: readonly Candidate[];
  /** Units left of each variant that was asked for. */
  readonly remaining: ReadonlyMap<string, number>;
}

/**
 * Decides a batch of orders in one transaction and two round trips: it claims their keys, looks for
 * stored answers and locks the stock of all their variants in id order; grants the stock first come, first
 * served; and writes orders, lines, ledger, events and answers in bulk. The number of statements does not
 * depend on the number of orders.
 */
@Injectable()
export class OrderPlacement {
  constructor(
    private readonly config: AppConfig,
    private readonly clock: Clock,
    private readonly admission: AdmissionLedger,
    private readonly idempotency: IdempotencyStore,
    private readonly outbox: EventOutbox,
    private readonly carts: CartRepository,
    private readonly stock: StockRepository,
    private readonly hints: SoldOutHints,
    private readonly orders: OrdersRepository,
  ) {}

  /**
   * One outcome for each request, in their order. Rejects when nothing was committed, or when nobody can tell.
   * `endBegins` is called when all is sent, COMMIT included: whoever locks the same stock next waits in
   * PostgreSQL for that COMMIT alone, and not for us to hear of it.
   */
  async place(requests: readonly PlacementRequest[], endBegins: () => void): Promise<Placement[]> {
    for (let attempt = 1; attempt <= ADMISSION_ATTEMPTS; attempt += 1) {
      const startedMs = this.clock.monotonicMs();
      const { result: decision, position } = await this.orders.transactionAfter(
        (transaction) => this.look(transaction, requests),
        (transaction, seen) => {
          if (!seen.mayAdmit) return Promise.resolve(null);
          const acting = this.act(transaction, requests, seen);
          endBegins();
          return acting;
        },
      );
      if (decision !== null) {
        // Only what was committed is known: a rollback gives the units back.
        for (const [variantId, units] of decision.remaining) this.hints.observe(variantId, units, startedMs);
        return decision.outcomes.map((outcome) => {
          if (outcome === undefined) throw new Error('an order was left undecided');
          return { outcome, position };
        });
      }
      // A new epoch can begin between the notes and the transaction: noting again is enough then.
      if (attempt > 1) await this.admission.breakEpoch();
    }
    throw new Error('the epoch of the admission notes does not come to rest');
  }

  /**
   * Claims, reads and locks; the notes of the keys are written meanwhile. The order of the statements
   * matters: an answer is looked for under the claim of its key, and carts are locked before stock.
   */
  private async look(transaction: SqlTransaction, requests: readonly PlacementRequest[]): Promise<Seen> {
    const scopes = requests.map(({ scope }) => scope);
    const cartIds = cartIdsOf(requests);
    const [{ mayAdmit, now }, claims, stored, carts, offers] = await Promise.all([
      this.admission.mayAdmit(
        transaction,
        scopes.map(({ digest }) => digest),
      ),
      this.idempotency.claim(transaction, scopes),
      this.idempotency.find(transaction, scopes),
      cartIds.length === 0 ? [] : this.carts.lockVersions(transaction, cartIds),
      this.stock.lockOffers(transaction, variantIdsOf(requests)),
    ]);
    const cartVersions = new Map(carts.map(({ id, version }) => [id, version]));
    return { mayAdmit, now, claims, stored, cartVersions, offers };
  }

  private async act(
    transaction: SqlTransaction,
    requests: readonly PlacementRequest[],
    seen: Seen,
  ): Promise<Decision> {
    const decision = decide(requests, seen);
    const { outcomes, granted } = decision;
    const answers = await this.write(transaction, decision, seen);
    granted.forEach(({ index }, position) => {
      const answer = answers[position];
      if (answer !== undefined) outcomes[index] = { kind: 'answered', answer, isReplay: false };
    });
    return decision;
  }

  private async write(
    transaction: SqlTransaction,
    { granted, remaining }: Decision,
    { offers, now }: Seen,
  ): Promise<StoredAnswer[]> {
    if (granted.length === 0) return [];
    const orders = granted.map(({ request }) => this.orderOf(request, offers, now));
    const answers = granted.map(({ request }, position) => {
      const order = orders[position];
      if (order === undefined) throw new Error('a granted request has no order');
      const { scope, fingerprint } = request;
      return { scope, fingerprint, status: CREATED, body: JSON.stringify(viewOf(order)) };
    });
    const movements = orders.flatMap(({ id, lines }) =>
      lines.map(({ variantId, quantity }) => ({ orderId: id, variantId, quantity })),
    );
    const cartIds = cartIdsOf(granted.map(({ request }) => request));
    await Promise.all([
      this.stock.move(transaction, 'reserve', movements),
      this.orders.insertAll(transaction, orders),
      cartIds.length === 0 ? null : this.carts.empty(transaction, cartIds),
      this.outbox.append(transaction, [
        ...orders.flatMap((order, position) => {
          const by = granted[position]?.request.by;
          const facts = { ...order, totalMinor: order.totals.total.amount };
          return by === undefined ? [] : [orderEvent('pending_payment', facts, by)];
        }),
        ...this.levelEvents(offers, remaining, granted),
      ]),
      this.idempotency.record(transaction, answers),
    ]);
    return answers;
  }

  /** What is left of a variant belongs to the request that took the last of its units. */
  private levelEvents(
    offers: ReadonlyMap<string, Offer>,
    remaining: ReadonlyMap<string, number>,
    granted: readonly Candidate[],
  ): NewEvent[] {
    const events = levelsAfter(offers, remaining).map(stockChanged);
    if (!this.outbox.isTraced) return events;
    const takers = new Map(
      granted.flatMap(({ request: { lines, by } }) => lines.map(({ variantId }) => [variantId, by] as const)),
    );
    return events.map((event) => ({
      ...event,
      traceparent: takers.get(event.aggregateId)?.origin?.traceparent ?? null,
    }));
  }

  private orderOf(request: PlacementRequest, offers: ReadonlyMap<string, Offer>, now: Date): NewOrder {
    const id = newId();
    const { userId, currency, shippingAddressCiphertext } = request;
    const lines = request.lines.map(({ variantId, quantity }) => {
      const offer = offers.get(variantId);
      const unitPriceMinor = offer?.prices[currency];
      if (offer === undefined || unitPriceMinor === undefined)
        throw new Error('an order was granted without an offer');
      return { variantId, sku: offer.sku, name: offer.name, quantity, unitPriceMinor };
    });
    return {
      id,
      number: orderNumber(id),
      userId,
      status: 'pending_payment',
      currency,
      totals: priceOrder(lines, currency),
      lines,
      reservedUntil: new Date(now.getTime() + this.config.env.RESERVATION_TTL_SECONDS * 1000),
      createdAt: now,
      shippingAddressCiphertext,
    };
  }
}

/** First come, first served, among those whose key is theirs and has no answer yet. */
function decide(requests: readonly PlacementRequest[], seen: Seen): Decision {
  const outcomes = new Array<PlacementOutcome | undefined>(requests.length);
  const keys = new Set<string>();
  const carts = new Map(seen.cartVersions);
  const candidates = requests
    .map((request, index) => ({ request, index }))
    .filter(({ request, index }) => {
      const outcome = outcomeBeforeStock(request, index);
      outcomes[index] = outcome ?? undefined;
      return outcome === null;
    });

  const available = new Map([...seen.offers].map(([id, offer]) => [id, offer.available]));
  const { shortages, remaining } = allocate(
    candidates.map(({ request }) => request),
    available,
  );
  const granted = candidates.filter(({ index }, position) => {
    const short = shortages[position] ?? null;
    if (short !== null) outcomes[index] = { kind: 'out-of-stock', shortages: short };
    return short === null;
  });
  return { outcomes, granted, remaining };

  function outcomeBeforeStock(request: PlacementRequest, index: number): PlacementOutcome | null {
    const { scope, fingerprint, cart } = request;
    // A key that comes twice in the batch, or is being decided by another one, waits outside.
    if (seen.claims[index] !== true || keys.has(scope.digest)) return { kind: 'busy' };
    keys.add(scope.digest);
    const answer = seen.stored[index] ?? null;
    if (answer !== null)
      return answer.fingerprint.equals(fingerprint)
        ? { kind: 'answered', answer, isReplay: true }
        : { kind: 'key-reused' };
    if (cart !== null) {
      const isUnchanged = carts.get(cart.id) === cart.version;
      // Of two orders of one cart in one batch the second finds it changed.
      carts.delete(cart.id);
      if (!isUnchanged) return { kind: 'cart-changed' };
    }
    return refusalOf(request, seen.offers);
  }
}

function variantIdsOf(requests: readonly PlacementRequest[]): string[] {
  return [...new Set(requests.flatMap(({ lines }) => lines.map(({ variantId }) => variantId)))];
}

function cartIdsOf(requests: readonly PlacementRequest[]): string[] {
  return requests.flatMap(({ cart }) => (cart === null ? [] : [cart.id]));
}

/** The levels of the variants that gave units. */
function levelsAfter(
  offers: ReadonlyMap<string, Offer>,
  remaining: ReadonlyMap<string, number>,
): StockLevel[] {
  return [...offers.values()].flatMap(({ variantId, productId, available: before }) => {
    const available = remaining.get(variantId) ?? before;
    return available === before ? [] : [{ variantId, productId, available, crossedZero: available === 0 }];
  });
}

function refusalOf(request: PlacementRequest, offers: ReadonlyMap<string, Offer>): PlacementOutcome | null {
  const priced: PricedLine[] = [];
  for (const { variantId, quantity } of request.lines) {
    const offer = offers.get(variantId);
    if (offer?.isActive !== true) return { kind: 'unknown-variant', variantId };
    const unitPriceMinor = offer.prices[request.currency];
    if (unitPriceMinor === undefined) return { kind: 'no-price', variantId };
    priced.push({ quantity, unitPriceMinor });
  }
  return isCountable(priced) ? null : { kind: 'too-large' };
}

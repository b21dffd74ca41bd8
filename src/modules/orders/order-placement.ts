import { Injectable } from '@nestjs/common';
import { newId } from '../../common/ids.js';
import { Clock } from '../../common/clock.js';
import { AppConfig } from '../../config/index.js';
import { AdmissionLedger } from '../../core/admission/index.js';
import { EventOutbox } from '../../core/events/index.js';
import { type IdempotencyScope, IdempotencyStore, type StoredAnswer } from '../../core/idempotency/index.js';
import { CartRepository } from '../cart/index.js';
import {
  allocate,
  type Offer,
  type Shortage,
  SoldOutHints,
  stockChanged,
  StockRepository,
} from '../inventory/index.js';
import { orderNumber } from './order-number.js';
import { priceOrder } from './order-pricing.js';
import { viewOf } from './order.js';
import { orderEvent } from './orders.events.js';
import { type NewOrder, OrdersRepository, type SqlTransaction } from './orders.repository.js';

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
}

export type PlacementOutcome =
  | { readonly kind: 'answered'; readonly answer: StoredAnswer; readonly isReplay: boolean }
  /** The same key is being decided elsewhere; ask again. */
  | { readonly kind: 'busy' }
  | { readonly kind: 'key-reused' }
  | { readonly kind: 'out-of-stock'; readonly shortages: readonly Shortage[] }
  | { readonly kind: 'unknown-variant'; readonly variantId: string }
  | { readonly kind: 'no-price'; readonly variantId: string }
  | { readonly kind: 'cart-changed' };

type Refusal = Exclude<PlacementOutcome, { kind: 'answered' }>;

interface Candidate {
  readonly index: number;
  readonly request: PlacementRequest;
}

const CREATED = 201;
const ADMISSION_ATTEMPTS = 4;

/**
 * Decides a batch of orders in one transaction: claims their keys, looks for stored answers, locks the
 * stock of all their variants in id order, grants it first come, first served, and writes orders, lines,
 * ledger, events and answers in bulk. The number of statements does not depend on the number of orders.
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

  /** One outcome for each request, in their order. Rejects when nothing was committed, or when nobody can tell. */
  async place(requests: readonly PlacementRequest[]): Promise<PlacementOutcome[]> {
    const digests = requests.map(({ scope }) => scope.digest);
    for (let attempt = 1; attempt <= ADMISSION_ATTEMPTS; attempt += 1) {
      const notedEpoch = await this.admission.note(digests);
      const startedMs = this.clock.monotonicMs();
      const left = new Map<string, number>();
      const outcomes = await this.orders.transaction(async (transaction) => {
        const { mayAdmit, now } = await this.admission.check(transaction, notedEpoch);
        return mayAdmit ? this.decide(transaction, requests, now, left) : null;
      });
      // Only what was committed is known: a rollback gives the units back.
      for (const [variantId, units] of left) this.hints.observe(variantId, units, startedMs);
      if (outcomes !== null) return outcomes;
      // A new epoch can begin between the notes and the transaction: noting again is enough then.
      if (attempt > 1) await this.admission.breakEpoch();
    }
    throw new Error('the epoch of the admission notes does not come to rest');
  }

  private async decide(
    transaction: SqlTransaction,
    requests: readonly PlacementRequest[],
    now: Date,
    left: Map<string, number>,
  ): Promise<PlacementOutcome[]> {
    const outcomes = new Array<PlacementOutcome | undefined>(requests.length);
    const refuse = ({ index }: Candidate, refusal: Refusal) => {
      outcomes[index] = refusal;
    };

    let candidates = await this.claimKeys(transaction, requests, refuse);
    candidates = await this.replayStored(transaction, candidates, outcomes);
    candidates = await this.lockCarts(transaction, candidates, refuse);
    const offers = await this.stock.lockOffers(transaction, variantIdsOf(candidates));
    candidates = candidates.filter((candidate) => {
      const refusal = refusalOf(candidate.request, offers);
      if (refusal !== null) refuse(candidate, refusal);
      return refusal === null;
    });

    const available = new Map([...offers].map(([id, offer]) => [id, offer.available]));
    const { shortages, remaining } = allocate(
      candidates.map(({ request }) => request),
      available,
    );
    for (const [variantId, units] of remaining) left.set(variantId, units);
    const granted = candidates.filter((candidate, position) => {
      const short = shortages[position] ?? null;
      if (short !== null) refuse(candidate, { kind: 'out-of-stock', shortages: short });
      return short === null;
    });

    const answers = await this.write(transaction, granted, offers, now);
    granted.forEach(({ index }, position) => {
      const answer = answers[position];
      if (answer !== undefined) outcomes[index] = { kind: 'answered', answer, isReplay: false };
    });
    return outcomes.map((outcome) => {
      if (outcome === undefined) throw new Error('an order was left undecided');
      return outcome;
    });
  }

  /** A key that comes twice in the batch, or is being decided by another one, waits outside. */
  private async claimKeys(
    transaction: SqlTransaction,
    requests: readonly PlacementRequest[],
    refuse: (candidate: Candidate, refusal: Refusal) => void,
  ): Promise<Candidate[]> {
    const claims = await this.idempotency.claim(
      transaction,
      requests.map(({ scope }) => scope),
    );
    const seen = new Set<string>();
    return requests
      .map((request, index) => ({ request, index }))
      .filter((candidate) => {
        const { digest } = candidate.request.scope;
        const isOurs = claims[candidate.index] === true && !seen.has(digest);
        seen.add(digest);
        if (!isOurs) refuse(candidate, { kind: 'busy' });
        return isOurs;
      });
  }

  private async replayStored(
    transaction: SqlTransaction,
    candidates: readonly Candidate[],
    outcomes: (PlacementOutcome | undefined)[],
  ): Promise<Candidate[]> {
    if (candidates.length === 0) return [];
    const stored = await this.idempotency.find(
      transaction,
      candidates.map(({ request }) => request.scope),
    );
    return candidates.filter(({ request, index }, position) => {
      const answer = stored[position] ?? null;
      if (answer === null) return true;
      outcomes[index] = answer.fingerprint.equals(request.fingerprint)
        ? { kind: 'answered', answer, isReplay: true }
        : { kind: 'key-reused' };
      return false;
    });
  }

  /** Two orders of one cart in one batch: the second finds it changed. */
  private async lockCarts(
    transaction: SqlTransaction,
    candidates: readonly Candidate[],
    refuse: (candidate: Candidate, refusal: Refusal) => void,
  ): Promise<Candidate[]> {
    const cartIds = candidates.flatMap(({ request }) => (request.cart === null ? [] : [request.cart.id]));
    if (cartIds.length === 0) return [...candidates];
    const versions = new Map(
      (await this.carts.lockVersions(transaction, cartIds)).map(({ id, version }) => [id, version]),
    );
    return candidates.filter((candidate) => {
      const { cart } = candidate.request;
      if (cart === null) return true;
      const isUnchanged = versions.get(cart.id) === cart.version;
      versions.delete(cart.id);
      if (!isUnchanged) refuse(candidate, { kind: 'cart-changed' });
      return isUnchanged;
    });
  }

  private async write(
    transaction: SqlTransaction,
    granted: readonly Candidate[],
    offers: ReadonlyMap<string, Offer>,
    now: Date,
  ): Promise<StoredAnswer[]> {
    if (granted.length === 0) return [];
    const orders = granted.map(({ request }) => this.orderOf(request, offers, now));
    const movements = orders.flatMap(({ id, lines }) =>
      lines.map(({ variantId, quantity }) => ({ orderId: id, variantId, quantity })),
    );
    const levels = await this.stock.move(transaction, 'reserve', movements);
    await this.orders.insertAll(transaction, orders);
    const cartIds = granted.flatMap(({ request }) => (request.cart === null ? [] : [request.cart.id]));
    if (cartIds.length > 0) await this.carts.empty(transaction, cartIds);
    await this.outbox.append(transaction, [
      ...orders.map((order) =>
        orderEvent('pending_payment', { ...order, totalMinor: order.totals.total.amount }),
      ),
      ...levels.map(stockChanged),
    ]);
    const answers = granted.map(({ request }, position) => {
      const order = orders[position];
      if (order === undefined) throw new Error('a granted request has no order');
      const { scope, fingerprint } = request;
      return { scope, fingerprint, status: CREATED, body: JSON.stringify(viewOf(order)) };
    });
    await this.idempotency.record(transaction, answers);
    return answers;
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

function variantIdsOf(candidates: readonly Candidate[]): string[] {
  return [...new Set(candidates.flatMap(({ request }) => request.lines.map(({ variantId }) => variantId)))];
}

function refusalOf(request: PlacementRequest, offers: ReadonlyMap<string, Offer>): Refusal | null {
  for (const { variantId } of request.lines) {
    const offer = offers.get(variantId);
    if (offer?.isActive !== true) return { kind: 'unknown-variant', variantId };
    if (offer.prices[request.currency] === undefined) return { kind: 'no-price', variantId };
  }
  return null;
}

import { Injectable } from '@nestjs/common';
import { Problem } from '../../common/problem.js';
import { AppConfig } from '../../config/index.js';
import type { Principal } from '../../core/access-control/index.js';
import { CatalogService, type VariantDetails } from '../catalog/index.js';
import { cartLimits, type CartLimits } from './cart-limits.js';
import { type CartMerge, CartMergeRepository } from './cart-merge.repository.js';
import { type CartView, viewCart } from './cart-view.js';
import {
  type CartOwner,
  CartRepository,
  type CartTransaction,
  type CartVersion,
  type LineAfterChange,
  type StoredCart,
} from './cart.repository.js';
import { guestTokenHash, newGuestToken } from './guest-token.js';

/** Whose cart a request is about, in which currency, and which version it was decided on. */
export interface CartRequest {
  readonly principal: Principal | null;
  readonly guestToken: string | null;
  readonly currency: string;
  /** Null when the client does not mind what happened meanwhile. */
  readonly ifMatch: number | null;
}

export interface CartAnswer {
  readonly cart: CartView;
  /** Set when this request made the guest's cart. */
  readonly issuedToken: string | null;
}

/**
 * The cart of a user or of a guest. It holds variants and quantities; prices, names and availability are
 * looked up when it is shown, and only an order makes them binding.
 *
 * A guest's cart is merged into the user's by the first request that proves both. That is the sign-in where
 * it carries the guest's token and all lines find room; otherwise it is the next request for the cart, which
 * can say what was cut.
 */
@Injectable()
export class CartService {
  private readonly limits: CartLimits;

  constructor(
    config: AppConfig,
    private readonly repository: CartRepository,
    private readonly merges: CartMergeRepository,
    private readonly catalog: CatalogService,
  ) {
    this.limits = cartLimits(config);
  }

  async get(request: CartRequest): Promise<CartAnswer> {
    const merge = await this.mergeGuest(request);
    const owner = ownerOf(request);
    return this.answer(request, owner === null ? null : await this.repository.find(owner), merge);
  }

  /**
   * @throws Problem VARIANT_NOT_FOUND, CURRENCY_NOT_SUPPORTED, CART_LIMIT_EXCEEDED, PRECONDITION_FAILED;
   * the cart is then as it was.
   */
  async addLine(request: CartRequest, variantId: string, quantity: number): Promise<CartAnswer> {
    const merge = await this.mergeGuest(request);
    const variants = await this.findVariants([variantId], request.currency);
    const variant = variants.get(variantId);
    if (variant?.isPublic !== true) throw new Problem('VARIANT_NOT_FOUND');
    if (variant.price === null) throw new Problem('CURRENCY_NOT_SUPPORTED');

    let issuedToken: string | null = null;
    const cart = await this.repository.transaction(async (transaction) => {
      const owner = ownerOf(request);
      let held = owner === null ? null : await this.hold(transaction, owner);
      if (held === null) {
        issuedToken = newGuestToken();
        held = await this.repository.createForGuest(transaction, guestTokenHash(issuedToken));
      }
      checkVersion(held.version - 1, request.ifMatch);
      const { quantityMax } = this.limits;
      const lines = await this.repository.addLine(transaction, held.id, { variantId, quantity, quantityMax });
      if (lines === null) throw new Problem('VARIANT_NOT_FOUND');
      this.checkLimits(lines);
      return { ...held, lines };
    });
    return { ...(await this.answer(request, cart, merge, variants)), issuedToken };
  }

  /** @throws Problem CART_LINE_NOT_FOUND, CART_LIMIT_EXCEEDED, PRECONDITION_FAILED */
  async changeLine(request: CartRequest, lineId: string, quantity: number): Promise<CartAnswer> {
    if (quantity > this.limits.quantityMax) throw this.limitExceeded();
    return this.change(request, async (transaction, cartId) => {
      const lines = await this.repository.setQuantity(transaction, cartId, lineId, quantity);
      if (!lines.some(({ isChanged }) => isChanged)) throw new Problem('CART_LINE_NOT_FOUND');
      return lines;
    });
  }

  /** @throws Problem CART_LINE_NOT_FOUND, PRECONDITION_FAILED */
  async removeLine(request: CartRequest, lineId: string): Promise<CartAnswer> {
    return this.change(request, async (transaction, cartId) => {
      const lines = await this.repository.removeLine(transaction, cartId, lineId);
      if (!lines.some(({ isChanged }) => isChanged)) throw new Problem('CART_LINE_NOT_FOUND');
      return lines.filter(({ isChanged }) => !isChanged);
    });
  }

  /**
   * The lines and the version of the principal's own cart, for an order that is to be made of it. It may go
   * by the id of the guest's cart that was merged into it last. The order compares the version under {@link CartRepository.lockVersions} before it takes the lines away.
   * @throws Problem CART_NOT_FOUND when the cart does not exist or is another's, CART_EMPTY when it has no line.
   */
  async getForOrder(cartId: string, principal: Principal): Promise<StoredCart> {
    const cart = await this.repository.findOfUser(cartId, principal.userId);
    if (cart === null) throw new Problem('CART_NOT_FOUND');
    if (cart.lines.length === 0) throw new Problem('CART_EMPTY');
    return cart;
  }

  /**
   * Merges the cart of a guest who signs in, unless a line would have to be cut or dropped. True when there
   * is no such guest cart any more.
   */
  async takeGuestAlong(guestToken: string, userId: string): Promise<boolean> {
    const merge = await this.merges.mergeWhole(guestTokenHash(guestToken), userId, this.limits);
    return merge !== 'does-not-fit';
  }

  private async change(
    request: CartRequest,
    work: (transaction: CartTransaction, cartId: string) => Promise<LineAfterChange[]>,
  ): Promise<CartAnswer> {
    const merge = await this.mergeGuest(request);
    const owner = ownerOf(request);
    const cart = await this.repository.transaction(async (transaction) => {
      const held = owner === null ? null : await this.repository.touch(transaction, owner);
      checkVersion(held === null ? 0 : held.version - 1, request.ifMatch);
      if (held === null) throw new Problem('CART_LINE_NOT_FOUND');
      return { ...held, lines: await work(transaction, held.id) };
    });
    return this.answer(request, cart, merge);
  }

  private hold(transaction: CartTransaction, owner: CartOwner): Promise<CartVersion | null> {
    return owner.kind === 'user'
      ? this.repository.ensureForUser(transaction, owner.userId)
      : this.repository.touch(transaction, owner);
  }

  private async mergeGuest({ principal, guestToken }: CartRequest): Promise<CartMerge | null> {
    if (principal === null || guestToken === null) return null;
    return this.merges.merge(guestTokenHash(guestToken), principal.userId, this.limits);
  }

  private async answer(
    { currency }: CartRequest,
    cart: StoredCart | null,
    merge: CartMerge | null,
    known: ReadonlyMap<string, VariantDetails> = new Map(),
  ): Promise<CartAnswer> {
    const unknown = (cart?.lines ?? []).flatMap(({ variantId }) => (known.has(variantId) ? [] : variantId));
    const variants = new Map([...known, ...(await this.findVariants(unknown, currency))]);
    const view = viewCart(cart, currency, variants);
    return { cart: merge === null ? view : { ...view, merge }, issuedToken: null };
  }

  /** From a replica; one that does not have a new variant yet is not believed that it does not exist. */
  private async findVariants(ids: readonly string[], currency: string): Promise<Map<string, VariantDetails>> {
    const found = await this.catalog.findVariants(ids, currency);
    const missing = ids.filter((id) => !found.has(id));
    if (missing.length === 0) return found;
    return new Map([...found, ...(await this.catalog.findVariants(missing, currency, 'primary'))]);
  }

  private checkLimits(lines: readonly LineAfterChange[]): void {
    // No line was changed: the sum would have been too large.
    if (lines.length > this.limits.linesMax || !lines.some(({ isChanged }) => isChanged)) {
      throw this.limitExceeded();
    }
  }

  private limitExceeded(): Problem {
    return new Problem('CART_LIMIT_EXCEEDED', { extensions: { ...this.limits } });
  }
}

function ownerOf({ principal, guestToken }: CartRequest): CartOwner | null {
  if (principal !== null) return { kind: 'user', userId: principal.userId };
  return guestToken === null ? null : { kind: 'guest', tokenHash: guestTokenHash(guestToken) };
}

function checkVersion(version: number, ifMatch: number | null): void {
  if (ifMatch !== null && ifMatch !== version)
    throw new Problem('PRECONDITION_FAILED', { extensions: { version } });
}

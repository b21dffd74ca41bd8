import { Injectable } from '@nestjs/common';
import { Problem } from '../../common/problem.js';
import type { Principal } from '../../core/access-control/index.js';
import { CartRepository, type StoredCart } from './cart.repository.js';

@Injectable()
export class CartService {
  constructor(private readonly repository: CartRepository) {}

  /**
   * The lines and the version of the principal's own cart, for an order that is to be made of it. The
   * order compares the version under {@link CartRepository.lockVersions} before it takes the lines away.
   * @throws Problem CART_NOT_FOUND when the cart does not exist or is another's, CART_EMPTY when it has no line.
   */
  async getForOrder(cartId: string, principal: Principal): Promise<StoredCart> {
    const cart = await this.repository.findOfUser(cartId, principal.userId);
    if (cart === null) throw new Problem('CART_NOT_FOUND');
    if (cart.lines.length === 0) throw new Problem('CART_EMPTY');
    return cart;
  }
}

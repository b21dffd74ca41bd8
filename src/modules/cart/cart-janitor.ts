import { Injectable } from '@nestjs/common';
import { CartRepository } from './cart.repository.js';

/** Removes guest carts that nobody came back to. Any number of workers may do it at once. */
@Injectable()
export class CartJanitor {
  constructor(private readonly repository: CartRepository) {}

  /** Removes up to `limit` carts and tells how many: as many as the limit means that there are more. */
  removeExpired(limit: number): Promise<number> {
    return this.repository.removeExpired(limit);
  }
}

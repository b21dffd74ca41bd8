import { Injectable, type OnModuleInit } from '@nestjs/common';
import { JobRunner } from '../../core/jobs/index.js';
import { CartRepository } from './cart.repository.js';

/** Carts removed by one statement, so that none of them runs long. */
const REMOVE_MAX = 1000;
const INTERVAL_MS = 60_000;

/** Removes guest carts that nobody came back for. */
@Injectable()
export class CartJanitor implements OnModuleInit {
  constructor(
    private readonly repository: CartRepository,
    private readonly jobs: JobRunner,
  ) {}

  onModuleInit(): void {
    this.jobs.register({
      name: 'cart-janitor',
      intervalMs: INTERVAL_MS,
      isSingleton: true,
      run: async () => (await this.repository.removeExpired(REMOVE_MAX)) === REMOVE_MAX,
    });
  }
}

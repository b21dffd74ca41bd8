import { Injectable, type OnModuleInit } from '@nestjs/common';
import { SignInHooks, type SigningIn } from '../../core/sign-in/index.js';
import { CartService } from './cart.service.js';
import { clearGuestCookie, readGuestToken } from './guest-token.js';

/** Takes the cart of a guest who signs in along. */
@Injectable()
export class CartSignIn implements OnModuleInit {
  constructor(
    private readonly carts: CartService,
    private readonly signIns: SignInHooks,
  ) {}

  onModuleInit(): void {
    this.signIns.register('cart', (signingIn) => this.takeAlong(signingIn));
  }

  /** The client keeps its cookie where nothing was merged: its next request for the cart tries again. */
  private async takeAlong({ userId, request, reply }: SigningIn): Promise<void> {
    const { token, hasCookie } = readGuestToken(request);
    if (token === null || !(await this.carts.takeGuestAlong(token, userId))) return;
    if (hasCookie) clearGuestCookie(reply);
  }
}

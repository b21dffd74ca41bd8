import { randomInt } from 'node:crypto';
import { newId } from '../../src/common/ids.js';
import { type ApiAnswer, type ApiRequest } from './api-client.js';
import { ADDRESS, type Buyer } from './shop.builder.js';
import { SignInClient } from './sign-in-client.js';

/** The sum of the deadlines on any path, and something for a machine that does other things as well. */
const ANSWER_DEADLINE_MS = 15_000;

export const orderOf = (variantId: string) => ({
  lines: [{ variantId, quantity: 1 }],
  shippingAddress: ADDRESS,
});

/** A client that measures: no request may hang longer than the deadlines allow. Each comes from another address. */
export class ImpatientClient extends SignInClient {
  override async request(method: string, path: string, request: ApiRequest = {}): Promise<ApiAnswer> {
    const startMs = performance.now();
    const headers = { 'x-forwarded-for': anyAddress(), ...request.headers };
    const answer = await super.request(method, path, { ...request, headers });
    const tookMs = performance.now() - startMs;
    if (tookMs > ANSWER_DEADLINE_MS)
      throw new Error(`${method} ${path} took ${String(Math.round(tookMs))} ms`);
    return answer;
  }

  order(buyer: Buyer, variantId: string, key: string = newId()): Promise<ApiAnswer> {
    return this.post('/api/v1/orders', { token: buyer.token, key, body: orderOf(variantId) });
  }

  pay(buyer: Buyer, orderId: string, token = 'tok_success', key: string = newId()): Promise<ApiAnswer> {
    return this.post(`/api/v1/orders/${orderId}/payments`, {
      token: buyer.token,
      key,
      body: { provider: 'test', token },
    });
  }
}

export function anyAddress(): string {
  return `10.${[0, 0, 0].map(() => String(randomInt(1, 255))).join('.')}`;
}

import { Injectable } from '@nestjs/common';
import { createHmac } from 'node:crypto';
import { AppConfig } from '../../config/index.js';
import { clientNetwork } from './client-network.js';
import { RateLimitPolicies } from './rate-limit-policies.js';
import { type Charge, type Decision, type RateLimitPolicy, RateLimiter } from './rate-limiter.js';

/** The memory of where an account has signed in: a window that is only ever looked at. */
const KNOWN_NETWORKS: RateLimitPolicy = {
  name: 'login-known',
  limit: 1,
  windowMs: 30 * 24 * 3_600_000,
};

/**
 * Attempts to get into an account. Each network has a few of its own, and all networks together have more, by
 * the hour and by the day (NIST SP 800-63B: at most 100 failures of an account in a row), so that guessing from many addresses ends as well. A network where the owner has signed in lately needs
 * only its own: nobody can lock the owner out by guessing elsewhere (after the device cookies of OWASP, with
 * the network in the cookie's place). What succeeds is given back: only failures count.
 */
@Injectable()
export class AccountAttempts {
  constructor(
    private readonly limiter: RateLimiter,
    private readonly policies: RateLimitPolicies,
    private readonly config: AppConfig,
  ) {}

  /** Accounts are told apart as registration tells them apart, and named so that the store learns no address. */
  private accountOf(email: string): string {
    const normal = email.normalize('NFKC').trim().toLowerCase();
    return createHmac('sha256', this.config.secrets.blindIndexKey)
      .update(`rate-limit:${normal}`)
      .digest('base64url')
      .slice(0, 22);
  }

  async tryLogin(email: string, address: string): Promise<Decision> {
    const [account, network] = [this.accountOf(email), clientNetwork(address)];
    const [own, ...all] = this.loginCharges(account, network);
    const decision = await this.limiter.take([own, ...all]);
    const [ofNetwork, ...ofAccount] = decision.states;
    const isOfAccount = ofAccount.some(({ isWithin }) => !isWithin);
    if (decision.outcome !== 'denied' || ofNetwork?.isWithin !== true || !isOfAccount) return decision;
    return (await this.isKnown(account, network)) ? this.limiter.take([own]) : decision;
  }

  async tryRegistration(email: string): Promise<Decision> {
    const policy = this.policies.get('registration');
    return this.limiter.take([{ policy, subject: this.accountOf(email), cost: 1 }]);
  }

  /** The owner was there: the attempt counts for nothing, and the network is known from now on. */
  async loggedIn(email: string, address: string): Promise<void> {
    if (!this.config.env.RATE_LIMIT_ENABLED) return;
    const [account, network] = [this.accountOf(email), clientNetwork(address)];
    const known = { policy: KNOWN_NETWORKS, subject: `${account}|${network}`, cost: 1 };
    await Promise.all(this.loginCharges(account, network).map((charge) => this.limiter.refund(charge)));
    await this.limiter.reset(known);
    await this.limiter.penalize(known);
  }

  private async isKnown(account: string, network: string): Promise<boolean> {
    const { states } = await this.limiter.peek([
      { policy: KNOWN_NETWORKS, subject: `${account}|${network}`, cost: 1 },
    ]);
    return states[0]?.isWithin === false;
  }

  private loginCharges(account: string, network: string): [Charge, Charge, Charge] {
    return [
      { policy: this.policies.get('login'), subject: `${account}|${network}`, cost: 1 },
      { policy: this.policies.get('login-account'), subject: account, cost: 1 },
      { policy: this.policies.get('login-account-day'), subject: account, cost: 1 },
    ];
  }
}

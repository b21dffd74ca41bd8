import { type ExecutionContext, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Problem } from '../../common/problem.js';
import { AppConfig } from '../../config/index.js';
import { AccountAttempts } from './account-attempts.js';
import { ApiKeys } from './api-keys.js';
import { clientNetwork } from './client-network.js';
import { RateLimitPolicies } from './rate-limit-policies.js';
import { writeRateLimitFields } from './rate-limit-fields.js';
import { type Decision, RateLimiter } from './rate-limiter.js';
import { readRouteLimits, type RouteLimits, type StageLimits } from './route-limits.js';

type IdentifiedRequest = FastifyRequest & { readonly principal?: { readonly userId: string } };

/** The arguments of a handler. `switchToHttp` finds them as well, and makes four objects a request. */
const [REQUEST, REPLY] = [0, 1];

/** What a client is told at most to wait: more than that and the answer is "never" in effect. */
const RETRY_AFTER_SECONDS_MAX = 86_400;

/**
 * Limits requests in two stages: before any work on a token by client (known API key, else address) and by
 * the account that a log-in names; after authentication by user. Both write the fields of the answer.
 *
 * Every request passes here, so what a route says is read once, and a decision that needs no store is taken
 * without a promise.
 */
@Injectable()
export class RequestLimits {
  private readonly isEnabled: boolean;
  private readonly routes = new WeakMap<object, RouteLimits>();

  constructor(
    private readonly limiter: RateLimiter,
    private readonly policies: RateLimitPolicies,
    private readonly apiKeys: ApiKeys,
    private readonly attempts: AccountAttempts,
    private readonly reflector: Reflector,
    config: AppConfig,
  ) {
    // Settings are read through a proxy; this one is needed for every request.
    this.isEnabled = config.env.RATE_LIMIT_ENABLED;
  }

  /**
   * True when the request is within the limits of its client.
   * @throws Problem `RATE_LIMITED`, `RATE_LIMITER_UNAVAILABLE`
   */
  admitClient(context: ExecutionContext): true | Promise<true> {
    const request = context.getArgByIndex<FastifyRequest>(REQUEST);
    if (request.isAdmitted || !this.isEnabled) return true;
    const limits = this.limitsOf(context);
    if (limits.client === null) return true;
    const reply = context.getArgByIndex<FastifyReply>(REPLY);
    const key = limits.apiKey === null ? null : this.apiKeys.find(request.headers['x-api-key']);
    const admitted =
      key === null || limits.apiKey === null
        ? this.admit(limits.client, clientNetwork(request.ip), reply)
        : this.admit(limits.apiKey, `key:${key}`, reply);
    if (limits.account === null) return admitted;
    const { account } = limits;
    return Promise.resolve(admitted).then(() => this.admitAccount(account, request));
  }

  /** The same for the user of a request that has one; ask it behind the access guard. */
  admitUser(context: ExecutionContext): true | Promise<true> {
    const request = context.getArgByIndex<IdentifiedRequest>(REQUEST);
    if (request.principal === undefined || request.isAdmitted || !this.isEnabled) return true;
    const { user } = this.limitsOf(context);
    return user === null
      ? true
      : this.admit(user, request.principal.userId, context.getArgByIndex<FastifyReply>(REPLY));
  }

  private admit(limits: StageLimits, subject: string, reply: FastifyReply): true | Promise<true> {
    const decision = this.limiter.take(
      limits.policies.map(({ policy, cost }) => ({ policy, subject, cost })),
    );
    return decision instanceof Promise
      ? decision.then((late) => conclude(late, limits, reply))
      : conclude(decision, limits, reply);
  }

  private async admitAccount(limits: StageLimits, request: FastifyRequest): Promise<true> {
    const email: unknown = (request.body as { email?: unknown } | null | undefined)?.email;
    // A body that names no account is refused by validation afterwards.
    if (typeof email !== 'string' || email === '') return true;
    const decision = limits.names.includes('registration')
      ? await this.attempts.tryRegistration(email)
      : await this.attempts.tryLogin(email, request.ip);
    // How an account stands is nobody's business but its owner's: no fields, and no name of the policy.
    return refuse(decision, []);
  }

  private limitsOf(context: ExecutionContext): RouteLimits {
    const handler = context.getHandler();
    const known = this.routes.get(handler);
    if (known !== undefined) return known;
    const limits = readRouteLimits(context, this.reflector, this.policies);
    this.routes.set(handler, limits);
    return limits;
  }
}

function conclude(decision: Decision, limits: StageLimits, reply: FastifyReply): true {
  writeRateLimitFields(reply, limits.fields, decision.states);
  if (decision.outcome === 'admitted') return true;
  return refuse(
    decision,
    decision.states
      .filter(({ isWithin, policy }) => !isWithin && policy.isShadow !== true)
      .map(({ policy }) => policy.name),
  );
}

function refuse(decision: Decision, violated: readonly string[]): true {
  const { outcome, retryAfterMs } = decision;
  if (outcome === 'admitted') return true;
  const retryAfterSeconds = Math.min(RETRY_AFTER_SECONDS_MAX, Math.ceil(retryAfterMs / 1000));
  throw new Problem(outcome === 'denied' ? 'RATE_LIMITED' : 'RATE_LIMITER_UNAVAILABLE', {
    retryAfterSeconds,
    ...(violated.length === 0 ? {} : { extensions: { policies: violated } }),
  });
}

import type { FastifyReply } from 'fastify';
import type { ChargeState, RateLimitPolicy } from './rate-limiter.js';

/** The field value of one policy; it never changes. */
export function policyField({ name, limit, windowMs }: RateLimitPolicy): string {
  return `"${name}";q=${String(limit)};w=${String(Math.ceil(windowMs / 1000))}`;
}

/**
 * The fields of draft-ietf-httpapi-ratelimit-headers: what is left of each policy, and in how many seconds all
 * of it is back. A second stage adds its policies to those of the first. Shadow policies are not for clients.
 */
export function writeRateLimitFields(
  reply: FastifyReply,
  policyFields: string,
  states: readonly ChargeState[],
): void {
  let fields = '';
  for (const { policy, remaining, resetMs } of states) {
    if (policy.isShadow === true) continue;
    if (fields !== '') fields += ', ';
    fields += `"${policy.name}";r=${String(remaining)};t=${String(Math.ceil(resetMs / 1000))}`;
  }
  if (fields === '') return;
  const before = reply.getHeader('ratelimit');
  if (before === undefined) {
    reply.header('ratelimit-policy', policyFields);
    reply.header('ratelimit', fields);
  } else {
    reply.header('ratelimit-policy', `${String(reply.getHeader('ratelimit-policy'))}, ${policyFields}`);
    reply.header('ratelimit', `${String(before)}, ${fields}`);
  }
}

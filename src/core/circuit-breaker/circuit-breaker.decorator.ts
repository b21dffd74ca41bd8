import { SetMetadata } from '@nestjs/common';
import type { BreakerOptions } from './circuit-breaker.js';

export const PROTECTED_METHOD = 'caudal:circuit-breaker';

export interface ProtectedMethod {
  readonly name: string;
  readonly options: Partial<BreakerOptions>;
  /** Method of the same object that answers in place of the failed one, with the same arguments. */
  readonly fallback: string | undefined;
}

export interface ProtectedMethodOptions extends Partial<BreakerOptions> {
  readonly fallback?: string;
}

/**
 * Makes every call of an asynchronous method of a Nest provider a call of the breaker. The breaker is made
 * with these options unless it exists; methods of one backend share it by its name. The method gets the
 * arguments of its caller, and no signal: one that needs it uses {@link Breaker.execute} itself.
 * @see ProtectedMethods, which wraps the methods when the application starts.
 */
export const CircuitBreaker = (name: string, { fallback, ...options }: ProtectedMethodOptions = {}) =>
  SetMetadata<string, ProtectedMethod>(PROTECTED_METHOD, { name, options, fallback });

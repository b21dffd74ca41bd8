import { Injectable, type OnModuleInit } from '@nestjs/common';
import { DiscoveryService, MetadataScanner, Reflector } from '@nestjs/core';
import type { Breaker } from './circuit-breaker.js';
import { PROTECTED_METHOD, type ProtectedMethod } from './circuit-breaker.decorator.js';
import { DistributedCircuitBreakerService } from './distributed-circuit-breaker.service.js';

type Method = (...args: unknown[]) => unknown;

/** Puts the breakers around the methods that are marked by `@CircuitBreaker`, before the application serves. */
@Injectable()
export class ProtectedMethods implements OnModuleInit {
  constructor(
    private readonly discovery: DiscoveryService,
    private readonly scanner: MetadataScanner,
    private readonly reflector: Reflector,
    private readonly breakers: DistributedCircuitBreakerService,
  ) {}

  onModuleInit(): void {
    for (const { instance } of this.discovery.getProviders() as { instance: unknown }[]) {
      if (typeof instance !== 'object' || instance === null) continue;
      const prototype = Object.getPrototypeOf(instance) as object | null;
      if (prototype === null || prototype === Object.prototype) continue;
      for (const key of this.scanner.getAllMethodNames(prototype)) this.protect(instance, key);
    }
  }

  private protect(instance: object, key: string): void {
    const holder = instance as Record<string, Method>;
    const method = holder[key];
    const marked =
      method === undefined
        ? undefined
        : this.reflector.get<ProtectedMethod | undefined>(PROTECTED_METHOD, method);
    if (method === undefined || marked === undefined) return;
    const breaker: Breaker =
      this.breakers.find(marked.name) ?? this.breakers.create(marked.name, marked.options);
    const { fallback } = marked;
    if (fallback !== undefined && typeof holder[fallback] !== 'function')
      throw new Error(`${instance.constructor.name} has no method ${fallback} to fall back on`);
    holder[key] = (...args) =>
      breaker.execute(
        async () => await method.apply(instance, args),
        fallback === undefined ? undefined : { fallback: () => holder[fallback]?.(...args) },
      );
  }
}

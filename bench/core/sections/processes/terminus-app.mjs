// The peer of the health goals: Nest and terminus as their documentation has them, one Redis behind one
// indicator with terminus' default timeout. PORT and REDIS_URL come from the environment.
import 'reflect-metadata';
import { Controller, Get, Inject, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { HealthCheckService, HealthIndicatorService, TerminusModule } from '@nestjs/terminus';
import { Redis } from 'ioredis';

/** Terminus' own indicators time out after a second. */
const TIMEOUT_MS = 1000;

const redis = new Redis(process.env['REDIS_URL'] ?? '');
redis.on('error', () => undefined);

class HealthController {
  /**
   * @param {HealthCheckService} health
   * @param {HealthIndicatorService} indicators
   */
  constructor(health, indicators) {
    this.health = health;
    this.indicators = indicators;
  }

  check() {
    return this.health.check([() => this.ping()]);
  }

  ready() {
    return { status: 'ready' };
  }

  async ping() {
    const session = this.indicators.check('redis');
    /** @type {NodeJS.Timeout | undefined} */
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => {
        reject(new Error('timeout'));
      }, TIMEOUT_MS);
    });
    try {
      await Promise.race([redis.ping(), late]);
      return session.up();
    } catch {
      return session.down('timeout');
    } finally {
      clearTimeout(timer);
    }
  }
}

// What the decorators of a TypeScript source do.
Inject(HealthCheckService)(HealthController, undefined, 0);
Inject(HealthIndicatorService)(HealthController, undefined, 1);
for (const [method, path] of /** @type {const} */ ([
  ['check', 'health'],
  ['ready', 'ready'],
])) {
  const descriptor = Object.getOwnPropertyDescriptor(HealthController.prototype, method);
  if (descriptor !== undefined) Get(path)(HealthController.prototype, method, descriptor);
}
Controller()(HealthController);

class AppModule {}
Module({ imports: [TerminusModule.forRoot({ logger: false })], controllers: [HealthController] })(AppModule);

const app = await NestFactory.create(AppModule, new FastifyAdapter(), { logger: false });
await app.listen(Number(process.env['PORT']), '127.0.0.1');
process.on('SIGTERM', () => process.exit(0));

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ApiAnswer } from './api-client.js';
import { type Redis, startTestServices } from './services/index.js';
import type { Buyer } from './shop.builder.js';
import { type FleetParts, RECOVERY_DEADLINE_MS, ShopFleet } from './shop-fleet.js';
import { expectProblem } from './sign-in-client.js';
import { waitFor } from './wait-for.js';

/** Per client and minute: small enough to be shared out by hand. */
export const LIMIT = 30;
/** Open requests of a process from which on it is overloaded. */
export const OPEN_MAX = 20;
export const MINIMUM_CALLS = 4;

/** Kills it and waits for its end. */
export const dies = async (redis: Redis): Promise<void> => {
  redis.kill();
  await redis.waitForExit();
};
/** The ways to lose a Redis: what happens, how, and how it comes back. */
export const losses: [string, (redis: Redis) => Promise<void>, (redis: Redis) => Promise<void>][] = [
  ['is dead', dies, (redis) => redis.restart()],
  [
    'hangs',
    (redis) => {
      redis.kill('SIGSTOP');
      return Promise.resolve();
    },
    (redis) => {
      redis.kill('SIGCONT');
      return Promise.resolve();
    },
  ],
];

/** A 503 that says when to come again. */
export function expectRefusal(answer: ApiAnswer, code: string): void {
  expectProblem(answer, 503, code);
  expect(Number(answer.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
}

/** Each kind of Redis by itself, and limits that a test can reach. */
export class DegradedFleet extends ShopFleet {
  private constructor(
    parts: FleetParts,
    readonly sessions: Redis,
    readonly limits: Redis,
    private readonly spool: string,
  ) {
    super(parts);
  }

  static override async start(): Promise<DegradedFleet> {
    const services = await startTestServices();
    const [sessions, limits] = [await services.startAnotherRedis(), await services.startAnotherRedis()];
    const spool = mkdtempSync(join(tmpdir(), 'caudal-spool-'));
    const parts = await ShopFleet.startParts(services, {
      REDIS_SESSION_URL: sessions.url,
      REDIS_RATE_LIMIT_URL: limits.url,
      REDIS_COMMAND_TIMEOUT_MS: '300',
      TRUST_PROXY_HOPS: '1',
      RATE_LIMIT_ENABLED: 'true',
      RATE_LIMIT_PER_MINUTE: String(LIMIT),
      LOAD_SHEDDING_LIMIT_MIN: String(OPEN_MAX),
      LOAD_SHEDDING_LIMIT_MAX: String(OPEN_MAX),
      LOAD_SHEDDING_ORDINARY_SHARE_PERCENT: '0',
      CIRCUIT_BREAKER_MINIMUM_CALLS: String(MINIMUM_CALLS),
      CIRCUIT_BREAKER_OPEN_MS: '500',
      CIRCUIT_BREAKER_OPEN_MAX_MS: '500',
      CIRCUIT_BREAKER_PROBES: '1',
      CIRCUIT_BREAKER_QUORUM: '1',
      PAYMENT_RECONCILE_AFTER_MS: '3600000',
      AUDIT_SPOOL_DIR: spool,
      AUDIT_TAKEOVER_MS: '1000',
    });
    return new DegradedFleet(parts, sessions, limits, spool);
  }

  override async recover(): Promise<Buyer> {
    const buyer = await super.recover();
    await this.fleet.waitForMetric('rate_limiter_fallback_active', (value) => value === 0);
    return buyer;
  }

  async place(turn: number, buyer: Buyer, variantId: string): Promise<string> {
    const { status, body } = await this.at(turn).order(buyer, variantId);
    expect(status).toBe(201);
    return String(body['id']);
  }

  /** A payment that the provider fails. */
  async failAt(turn: number, buyer: Buyer, variantId: string): Promise<void> {
    const orderId = await this.place(turn, buyer, variantId);
    expectRefusal(await this.at(turn).pay(buyer, orderId, 'tok_outage'), 'PAYMENT_PROVIDER_UNAVAILABLE');
  }

  /** Closes the circuit of every process, whatever it was. */
  async payEverywhere(buyer: Buyer, variantId: string): Promise<void> {
    for (const [turn] of this.fleet.processes.entries()) {
      const orderId = await this.place(turn, buyer, variantId);
      await waitFor(
        'payments to be taken again',
        async () => (await this.at(turn).pay(buyer, orderId)).status === 201,
        RECOVERY_DEADLINE_MS,
      );
    }
  }

  override async close(): Promise<void> {
    await super.close();
    rmSync(this.spool, { recursive: true });
  }
}

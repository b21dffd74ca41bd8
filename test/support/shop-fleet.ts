import { testEnvironment } from './app-harness.js';
import { Fleet } from './fleet.js';
import { ImpatientClient } from './impatient-client.js';
import type { TestServices } from './services/index.js';
import { type Buyer, Shop } from './shop.builder.js';

/** Of a test, on a machine that does other things as well. */
export const DEADLINE_MS = 180_000;
export const RECOVERY_DEADLINE_MS = 45_000;
export const PROCESSES = 3;
export interface FleetParts {
  readonly services: TestServices;
  readonly fleet: Fleet;
  readonly shop: Shop;
}

/** Three processes with a shop, asked in turn by clients that do not wait long. */
export class ShopFleet {
  readonly services: TestServices;
  readonly fleet: Fleet;
  readonly shop: Shop;

  protected constructor(parts: FleetParts) {
    ({ services: this.services, fleet: this.fleet, shop: this.shop } = parts);
  }

  static async start(services: TestServices, env: Record<string, string> = {}): Promise<ShopFleet> {
    return new ShopFleet(await ShopFleet.startParts(services, env));
  }

  protected static async startParts(
    services: TestServices,
    env: Record<string, string>,
  ): Promise<FleetParts> {
    const fleet = await Fleet.start(
      PROCESSES,
      testEnvironment(services, {
        DATABASE_ACQUIRE_TIMEOUT_MS: '3000',
        DATABASE_STATEMENT_TIMEOUT_MS: '2000',
        ...env,
      }),
    );
    return { services, fleet, shop: new Shop(services.databaseUrl) };
  }

  at(turn: number): ImpatientClient {
    return new ImpatientClient(this.fleet.at(turn).url);
  }

  everywhere(): ImpatientClient[] {
    return this.fleet.processes.map((_, turn) => this.at(turn));
  }

  /** A new buyer, once everything is itself again. */
  async recover(): Promise<Buyer> {
    const buyer = await this.shop.createBuyer();
    await this.services.waitForReplica();
    await this.fleet.waitForHealth();
    return buyer;
  }

  async close(): Promise<void> {
    await this.fleet.stop('SIGKILL');
    await this.shop.close();
    await this.services.close();
  }
}

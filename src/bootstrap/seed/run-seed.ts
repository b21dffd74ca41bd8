import type { Faker } from '@faker-js/faker';
import { Module } from '@nestjs/common';
import type { AppConfig } from '../../config/index.js';
import { PasswordHasher } from '../../modules/auth/index.js';
import { CatalogWriter, CatalogWriterModule, type ProductInput } from '../../modules/catalog/index.js';
import { StockRepository, StockService } from '../../modules/inventory/index.js';
import { UsersModule, UsersService } from '../../modules/users/index.js';
import { createToolContext, requireDatabase } from '../tool-context.js';
import { type DemoCatalogue, demoCatalogue, FIRST_PRODUCT_SLUG, LAST_PRODUCT_SKU } from './demo-catalogue.js';
import { SeedRepository } from './seed.repository.js';

@Module({
  imports: [CatalogWriterModule, UsersModule],
  providers: [StockRepository, StockService, PasswordHasher, SeedRepository],
})
class SeedModule {}

export interface SeedReport {
  /** What was written: 0 when the catalogue was there before. */
  readonly products: number;
  readonly variants: number;
  /**
   * `present`: there was one with this address before. `email_taken`: the address is a customer's.
   * `absent`: there is none, and no password to make one with. `none`: no address was given.
   */
  readonly admin: 'created' | 'present' | 'email_taken' | 'absent' | 'none';
}

const PRODUCTS_PER_STEP = 100;

/**
 * Fills an empty catalogue with the demo shop and makes the administrator. Safe to run again and by
 * several processes at once: every write of it is idempotent, and a run that was cut off is finished by
 * the next.
 * @throws Error with one clear line when it cannot.
 */
export async function runSeed(
  config: AppConfig,
  loadFaker: () => Promise<Faker>,
  say: (line: string) => void,
): Promise<SeedReport> {
  const context = await createToolContext(config, [SeedModule]);
  try {
    await requireDatabase(context);
    const state = await context.get(SeedRepository).findState(FIRST_PRODUCT_SLUG, LAST_PRODUCT_SKU);
    let counts = { products: 0, variants: 0 };
    if (state === 'filled') {
      say('the catalogue has products and is kept as it is');
    } else if (!config.env.SEED_DEMO_SHOP) {
      say('the catalogue is kept as it is, without the demo shop');
    } else {
      if (state === 'partial') say('an earlier seed was cut off and is finished');
      const catalogue = demoCatalogue(await loadFaker());
      counts = await writeCatalogue(
        catalogue,
        context.get(CatalogWriter, { strict: false }),
        context.get(StockService),
        say,
      );
    }
    const admin = await ensureAdmin(
      config,
      context.get(UsersService, { strict: false }),
      context.get(PasswordHasher),
    );
    say(`administrator: ${admin}`);
    return { ...counts, admin };
  } finally {
    await context.close();
  }
}

async function writeCatalogue(
  { categories, products, stock }: DemoCatalogue,
  catalog: CatalogWriter,
  stockService: StockService,
  say: (line: string) => void,
): Promise<{ products: number; variants: number }> {
  for (const result of await catalog.upsertCategories(categories)) {
    if (result.outcome === 'rejected') throw new Error(`a demo category was rejected: ${result.reason}`);
  }
  say(`${String(categories.length)} categories`);
  let variantCount = 0;
  for (const step of stepsOf(products)) {
    const initial: { variantId: string; onHand: number }[] = [];
    for (const result of await catalog.upsertProducts(step)) {
      if (result.outcome === 'rejected') throw new Error(`a demo product was rejected: ${result.reason}`);
      for (const variant of result.variants) {
        if (variant.outcome === 'rejected') throw new Error(`${variant.sku} was rejected: ${variant.reason}`);
        initial.push({ variantId: variant.id, onHand: stock.get(variant.sku) ?? 0 });
      }
    }
    await stockService.setInitialStock(initial);
    variantCount += initial.length;
  }
  say(`${String(products.length)} products, ${String(variantCount)} variants`);
  return { products: products.length, variants: variantCount };
}

/** The last product stands alone: it says that all the others are there. */
function* stepsOf(products: readonly ProductInput[]): Generator<readonly ProductInput[]> {
  for (let at = 0; at < products.length - 1; at += PRODUCTS_PER_STEP) {
    yield products.slice(at, Math.min(at + PRODUCTS_PER_STEP, products.length - 1));
  }
  yield products.slice(-1);
}

async function ensureAdmin(
  { env, ephemeralSecrets }: AppConfig,
  users: UsersService,
  passwords: PasswordHasher,
): Promise<SeedReport['admin']> {
  const { ADMIN_EMAIL: email, ADMIN_PASSWORD: password } = env;
  if (email === '') return 'none';
  const lost = ephemeralSecrets.filter(
    (name) => name === 'FIELD_ENCRYPTION_KEYS' || name === 'BLIND_INDEX_KEY',
  );
  if (lost.length > 0) {
    throw new Error(`the administrator could never log in: ${lost.join(' and ')} must be configured`);
  }
  if (password === '') return (await users.findByEmail(email)) === null ? 'absent' : 'present';
  const { kind } = await users.ensureAdmin({
    email,
    name: 'Administrator',
    hashPassword: () => passwords.hash(password),
  });
  return kind;
}

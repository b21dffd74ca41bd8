import type { Money } from '../../common/money.js';

interface PriceTag {
  /** Units of the currency for 1,000 US dollars, in minor units for 100,000 cents: rough rates of 2026. */
  readonly per1000Usd: number;
  /** Prices are whole multiples of this, less `below`; both in minor units. */
  readonly step: number;
  readonly below: number;
}

/** The currencies of the demo and how their shops like to end a price: 19.99, 349.00, 79,900, 1,980. */
const PRICE_TAGS = {
  USD: { per1000Usd: 100_000, step: 100, below: 1 },
  EUR: { per1000Usd: 92_000, step: 100, below: 1 },
  GBP: { per1000Usd: 79_000, step: 100, below: 1 },
  BRL: { per1000Usd: 540_000, step: 1000, below: 10 },
  MXN: { per1000Usd: 1_850_000, step: 1000, below: 100 },
  COP: { per1000Usd: 410_000_000, step: 100_000, below: 10_000 },
  JPY: { per1000Usd: 150_000, step: 100, below: 20 },
} as const satisfies Record<string, PriceTag>;

export type DemoCurrency = keyof typeof PRICE_TAGS;
export const DEMO_CURRENCIES = Object.keys(PRICE_TAGS) as DemoCurrency[];

/** From so many steps on, a price moves in fives of them: 104.99, not 103.99. */
const COARSE_FROM_STEPS = 100;

/** The price tag nearest to an amount of US cents, at least the lowest one that the currency has. */
export function demoPrice(usdCents: number, currency: DemoCurrency): Money {
  const { per1000Usd, step, below }: PriceTag = PRICE_TAGS[currency];
  const exact = Math.round((usdCents * per1000Usd) / 100_000);
  const grain = exact >= step * COARSE_FROM_STEPS ? step * 5 : step;
  const amount = Math.max(1, Math.round((exact + below) / grain)) * grain - below;
  return { amount, currency };
}

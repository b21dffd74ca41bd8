/** What one caller wants: units of several variants, all or nothing. */
export interface Demand {
  readonly lines: readonly { readonly variantId: string; readonly quantity: number }[];
}

export interface Shortage {
  readonly variantId: string;
  readonly requested: number;
  /** Units left when this caller's turn came; 0 when the variant has none. */
  readonly available: number;
}

export interface Allocation {
  /** For each demand, null when it was granted in full, otherwise each line that was short. */
  readonly shortages: readonly (readonly Shortage[] | null)[];
  /** Units granted per variant. */
  readonly granted: ReadonlyMap<string, number>;
  /** Units that remain per variant. */
  readonly remaining: ReadonlyMap<string, number>;
}

/**
 * Grants stock first come, first served: each demand in its turn gets all of its lines or nothing, and
 * one that gets nothing leaves everything to those behind it. A variant that is not in `available` has
 * none. Lines of one demand name different variants.
 */
export function allocate(demands: readonly Demand[], available: ReadonlyMap<string, number>): Allocation {
  const remaining = new Map(available);
  const granted = new Map<string, number>();
  const shortages = demands.map(({ lines }): Shortage[] | null => {
    const short = lines
      .map(({ variantId, quantity }) => ({
        variantId,
        requested: quantity,
        available: remaining.get(variantId) ?? 0,
      }))
      .filter(({ requested, available: left }) => requested > left);
    if (short.length > 0) return short;
    for (const { variantId, quantity } of lines) {
      remaining.set(variantId, (remaining.get(variantId) ?? 0) - quantity);
      granted.set(variantId, (granted.get(variantId) ?? 0) + quantity);
    }
    return null;
  });
  return { shortages, granted, remaining };
}

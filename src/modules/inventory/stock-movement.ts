/** Why stock moved. Each kind fixes the sign of its deltas; the ledger's sums are the stock. */
export type MovementKind = 'opening' | 'adjustment' | 'reserve' | 'release' | 'sale' | 'return';

/** Units that move for one order line. */
export interface OrderMovement {
  readonly orderId: string;
  readonly variantId: string;
  readonly quantity: number;
}

/** What one unit of a movement changes. `adjustment` and `opening` carry their own deltas. */
export const UNIT_DELTAS = {
  /** A reservation: the unit stays on hand but is spoken for. */
  reserve: { onHand: 0, reserved: 1 },
  /** The reservation ended without a sale. */
  release: { onHand: 0, reserved: -1 },
  /** The reserved unit was paid and leaves. */
  sale: { onHand: -1, reserved: -1 },
  /** A sold unit comes back. */
  return: { onHand: 1, reserved: 0 },
} as const satisfies Partial<Record<MovementKind, { onHand: number; reserved: number }>>;

export type OrderMovementKind = keyof typeof UNIT_DELTAS;

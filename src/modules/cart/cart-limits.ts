import type { AppConfig } from '../../config/index.js';

/** A cart holds what an order may hold. */
export interface CartLimits {
  readonly linesMax: number;
  readonly quantityMax: number;
}

export function cartLimits({ env }: AppConfig): CartLimits {
  return { linesMax: env.ORDER_LINES_MAX, quantityMax: env.ORDER_LINE_QUANTITY_MAX };
}

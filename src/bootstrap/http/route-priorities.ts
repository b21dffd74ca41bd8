import type { Priority } from '../../core/load-shedding/index.js';

/**
 * What each part of the API is worth in an overload; the first entry that a path begins with counts. Null is
 * never shed: whoever watches a process must see it most of all when it is overloaded.
 *
 * Orders are critical as a whole: a buyer who cannot see how the payment ended pays again or calls somebody.
 */
const PRIORITY_OF_PATH: readonly (readonly [path: string, priority: Priority | null])[] = [
  ['/health', null],
  // Others verify our tokens with it, and fail without it.
  ['/.well-known/', 'critical'],
  ['/api/v1/orders', 'critical'],
  ['/api/v1/payments', 'critical'],
  ['/api/v1/webhooks', 'critical'],
  ['/api/v1/auth', 'important'],
  ['/api/v1/me', 'important'],
  ['/api/v1/cart', 'important'],
  ['/api/v1/admin', 'important'],
];

/** Of a route's pattern; whatever is not listed is there to be looked at. */
export function priorityOf(url: string): Priority | null {
  const entry = PRIORITY_OF_PATH.find(
    ([path]) => url === path || url.startsWith(path.endsWith('/') ? path : `${path}/`),
  );
  return entry === undefined ? 'ordinary' : entry[1];
}

/** What a client may rely on: the code never changes its meaning or its status. */
export interface ErrorCode {
  readonly status: number;
  readonly title: string;
  /** One sentence for docs/errors.md: when it happens and what the client does about it. */
  readonly meaning: string;
}

const define = (status: number, title: string, meaning: string): ErrorCode => ({ status, title, meaning });

/** The one table of error codes; docs/errors.md is kept equal to it by a test. */
export const ERROR_CODES = {
  // requests
  VALIDATION_FAILED: define(
    400,
    'The request is not valid',
    'A field is missing, unknown, of the wrong type or out of range; `errors[]` names each by JSON pointer. Mend the request.',
  ),
  REQUEST_MALFORMED: define(
    400,
    'The request cannot be read',
    'The body is not valid JSON, or the request line or a header is broken. Mend the request.',
  ),
  CURSOR_INVALID: define(
    400,
    'The cursor is not valid',
    'The cursor was not issued by this API for this list and these filters. Start again without a cursor.',
  ),
  IDEMPOTENCY_KEY_REQUIRED: define(
    400,
    'An Idempotency-Key is required',
    'The route has an effect that must not happen twice. Send a new random key for each new attempt to buy.',
  ),
  IDEMPOTENCY_KEY_INVALID: define(
    400,
    'The Idempotency-Key is not valid',
    'A key is 1 to 255 visible ASCII characters.',
  ),
  REQUEST_BLOCKED: define(
    403,
    'The request was blocked',
    'The firewall of the gateway takes the request for an attack; no process has seen it. Tell the operator its `requestId` when it is none.',
  ),
  ROUTE_NOT_FOUND: define(404, 'There is no such route', 'No route has this method and path.'),
  METHOD_NOT_ALLOWED: define(405, 'The method is not allowed', 'The path exists, but not with this method.'),
  PAYLOAD_TOO_LARGE: define(
    413,
    'The body is too large',
    'The body exceeds the limit of the server. Send less.',
  ),
  URI_TOO_LONG: define(414, 'The URI is too long', 'A path segment exceeds the limit of the server.'),
  MEDIA_TYPE_UNSUPPORTED: define(
    415,
    'The media type is not supported',
    'Bodies are `application/json` in UTF-8.',
  ),
  HEADERS_TOO_LARGE: define(
    431,
    'The headers are too large',
    'The request headers exceed the limit of the server.',
  ),
  REQUEST_TIMEOUT: define(
    408,
    'The request took too long to arrive',
    'The request was not received within the deadline. Send it again.',
  ),
  PRECONDITION_REQUIRED: define(
    428,
    'If-Match is required',
    'Read the resource, then send its ETag as If-Match.',
  ),
  PRECONDITION_FAILED: define(
    412,
    'The resource has changed',
    'If-Match does not name the present version. Read it again and decide anew.',
  ),
  RATE_LIMITED: define(429, 'Too many requests', 'A rate limit is used up. Wait for `Retry-After` seconds.'),
  RATE_LIMITER_UNAVAILABLE: define(
    503,
    'The rate limit cannot be checked',
    'The store of the limits is away, and the route is not open without them. Retry after `Retry-After` seconds.',
  ),
  // authentication
  AUTHENTICATION_REQUIRED: define(401, 'Authentication is required', 'No access token was sent. Log in.'),
  ACCESS_TOKEN_INVALID: define(
    401,
    'The access token is not valid',
    'The token is malformed, forged or expired, or its session was ended. Refresh it or log in.',
  ),
  CREDENTIALS_INVALID: define(401, 'The credentials are not valid', 'E-mail or password is wrong.'),
  REFRESH_TOKEN_INVALID: define(
    401,
    'The refresh token is not valid',
    'The cookie is missing, expired, revoked or was used before. Log in.',
  ),
  PERMISSION_DENIED: define(
    403,
    'The permission is missing',
    'The account lacks the permission named in `permission`.',
  ),
  ORIGIN_NOT_ALLOWED: define(
    403,
    'The origin is not allowed',
    'A route that acts on a cookie was called from a web origin that is not configured.',
  ),
  EMAIL_TAKEN: define(409, 'The e-mail address is taken', 'An account with this address exists. Log in.'),
  SESSION_LIMIT_REACHED: define(
    409,
    'The account has too many sessions',
    'The account has as many sessions as it may have, and new ones do not replace old ones here. End one on another device.',
  ),
  SESSION_NOT_FOUND: define(
    404,
    'There is no such session',
    'The session does not exist (any more) or belongs to somebody else.',
  ),
  USER_NOT_FOUND: define(404, 'There is no such user', 'No account has this id.'),
  AUTH_BUSY: define(
    503,
    'Sign-in is busy',
    'Too many passwords are being checked at once. Retry after `Retry-After` seconds.',
  ),
  // catalog and inventory
  PRODUCT_NOT_FOUND: define(404, 'There is no such product', 'No public product has this id or slug.'),
  CATEGORY_NOT_FOUND: define(404, 'There is no such category', 'No category has this id or slug.'),
  VARIANT_NOT_FOUND: define(404, 'There is no such variant', 'No variant has this id.'),
  PRODUCT_SLUG_TAKEN: define(409, 'The slug is taken', 'Another product has this slug.'),
  CATEGORY_SLUG_TAKEN: define(409, 'The slug is taken', 'Another category has this slug.'),
  VARIANT_SKU_TAKEN: define(409, 'The SKU is taken', 'Another variant has this SKU.'),
  CURRENCY_NOT_SUPPORTED: define(
    422,
    'The currency is not supported',
    'A variant has no price in this currency, or the shop does not sell in it.',
  ),
  ORDER_TOTAL_TOO_LARGE: define(
    422,
    'The order is too large',
    'The lines together cost more minor units than can be counted exactly (2^53 - 1).',
  ),
  STOCK_BELOW_RESERVED: define(
    409,
    'The stock would be below what is reserved',
    'Units are reserved for orders; `reserved` tells how many. Set at least that many.',
  ),
  // cart
  CART_NOT_FOUND: define(
    404,
    'There is no such cart',
    'The cart does not exist or belongs to somebody else.',
  ),
  CART_LINE_NOT_FOUND: define(404, 'There is no such cart line', 'The cart has no line with this id.'),
  CART_EMPTY: define(409, 'The cart is empty', 'An order needs at least one line.'),
  CART_CHANGED: define(
    409,
    'The cart has changed',
    'The cart was changed while it was being ordered. Read it again and decide anew.',
  ),
  CART_LIMIT_EXCEEDED: define(
    409,
    'The cart is full',
    'A cart has a largest number of lines and a largest quantity of one line.',
  ),
  // orders
  ORDER_NOT_FOUND: define(
    404,
    'There is no such order',
    'The order does not exist or belongs to somebody else.',
  ),
  ORDER_OUT_OF_STOCK: define(
    409,
    'Not enough stock',
    '`shortages[]` lists each short line and what is left of it. Nothing was reserved.',
  ),
  ORDER_NOT_PAYABLE: define(
    409,
    'The order cannot be paid',
    'The order is not pending payment any more; `orderStatus` tells its state.',
  ),
  ORDER_NOT_CANCELLABLE: define(
    409,
    'The order cannot be cancelled',
    'The order is in a state that cannot be cancelled; `orderStatus` tells which.',
  ),
  ORDER_QUEUE_FULL: define(
    503,
    'Too many orders are waiting',
    'The queue of orders is full. Retry with the same key after `Retry-After` seconds.',
  ),
  IDEMPOTENCY_KEY_REUSED: define(
    422,
    'The Idempotency-Key was used for another request',
    'The same key came with another body. Use a new key for a new request.',
  ),
  IDEMPOTENCY_KEY_IN_PROGRESS: define(
    409,
    'The first request with this key is still running',
    'Retry with the same key after `Retry-After` seconds to get its answer.',
  ),
  // payments
  PAYMENT_DECLINED: define(
    402,
    'The payment was declined',
    'The provider refused the charge; the reservation is kept. Pay again with a new key.',
  ),
  PAYMENT_IN_PROGRESS: define(
    409,
    'Another payment of this order is running',
    'An earlier payment has no outcome yet. Retry with its key, or wait.',
  ),
  PAYMENT_LATE_REFUNDED: define(
    409,
    'The payment came too late and is refunded',
    'The reservation had ended when the charge succeeded; the money is returned. Order again.',
  ),
  PAYMENT_PROVIDER_TIMEOUT: define(
    503,
    'The payment provider did not answer in time',
    'The outcome is unknown. Retry with the same key: it resumes the same payment and never charges twice.',
  ),
  PAYMENT_PROVIDER_UNAVAILABLE: define(
    503,
    'The payment provider is unavailable',
    'Nothing was charged; the reservation is kept until it expires. Retry with the same key.',
  ),
  // circuit breakers
  CIRCUIT_BREAKER_NOT_FOUND: define(
    404,
    'There is no such circuit breaker',
    'No circuit breaker has this name; the list of them tells the names.',
  ),
  CIRCUIT_BREAKER_SWITCHED_OFF: define(
    409,
    'Circuit breakers are switched off',
    'The feature is switched off in the configuration, so that no mode can be set.',
  ),
  CIRCUIT_BREAKER_STORE_UNAVAILABLE: define(
    503,
    'The circuit breakers cannot be reached',
    'Redis did not confirm the change, which may have been made or not. Read the state, or send it again.',
  ),
  // machinery
  DATABASE_UNAVAILABLE: define(
    503,
    'The database is unavailable',
    'The write could not be made or its outcome is unknown. Retry with the same key after `Retry-After` seconds.',
  ),
  SESSION_STORE_UNAVAILABLE: define(
    503,
    'The session store is unavailable',
    'Sign-in, refresh and actions that must know the session to be alive are not possible at present. Retry after `Retry-After` seconds.',
  ),
  SESSION_REGION_UNAVAILABLE: define(
    503,
    'The home region of the session cannot be reached',
    'The session was opened in another region (`region`), which cannot be reached from here. What could be done in other regions is done. Retry after `Retry-After` seconds, or log in again to go on here.',
  ),
  REQUEST_DEADLINE_EXCEEDED: define(
    503,
    'The answer took too long',
    'The outcome of a write is unknown. Retry with the same `Idempotency-Key` to get its answer; without a key, read first.',
  ),
  SERVER_OVERLOADED: define(
    503,
    'The server is overloaded',
    'The request was turned away before anything was done, so that payments and orders go through. Retry after `Retry-After` seconds.',
  ),
  SERVER_UNAVAILABLE: define(
    503,
    'The server is unavailable',
    'The gateway found no process that takes the request. Nothing was done. Retry after `Retry-After` seconds.',
  ),
  ANSWER_LOST: define(
    503,
    'The answer was lost',
    'The process ended before it answered the gateway. The outcome of a write is unknown. Retry with the same `Idempotency-Key` to get its answer; without a key, read first.',
  ),
  INTERNAL_ERROR: define(500, 'The server failed', 'A defect of the server; it is logged under `requestId`.'),
} as const satisfies Record<string, ErrorCode>;

export type ErrorCodeName = keyof typeof ERROR_CODES;

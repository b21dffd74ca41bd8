import type { FastifyRequest } from 'fastify';
import { GUEST_TOKEN_COOKIE, guestTokenHash, newGuestToken, readGuestToken } from './guest-token.js';

const request = (header: string | string[] | undefined, cookie?: string) =>
  ({
    headers: {
      'cart-token': header,
      ...(cookie === undefined ? {} : { cookie: `theme=dark; ${GUEST_TOKEN_COOKIE}=${cookie}` }),
    },
  }) as unknown as FastifyRequest;

describe('guest tokens', () => {
  const [mine, other] = [newGuestToken(), newGuestToken()];

  it('are 256 random bits, and only their hash tells them apart in the database', () => {
    expect(Buffer.from(mine, 'base64url')).toHaveLength(32);
    expect(mine).not.toBe(other);
    expect(guestTokenHash(mine)).toHaveLength(32);
    expect(guestTokenHash(mine)).not.toEqual(guestTokenHash(other));
  });

  it('come by header or cookie, the header first', () => {
    expect(readGuestToken(request(mine))).toEqual({ token: mine, hasCookie: false });
    expect(readGuestToken(request(undefined, mine))).toEqual({ token: mine, hasCookie: true });
    expect(readGuestToken(request(mine, other))).toEqual({ token: mine, hasCookie: true });
    expect(readGuestToken(request('', other))).toEqual({ token: other, hasCookie: true });
    expect(readGuestToken(request(undefined))).toEqual({ token: null, hasCookie: false });
  });

  it.each(['short', `${newGuestToken()}x`, `${'A'.repeat(42)}=`, `${'A'.repeat(42)} `])(
    'that could not be ours are none: %j',
    (token) => {
      expect(readGuestToken(request(token)).token).toBeNull();
    },
  );
});

/**
 * A session as core/session writes it down in the book of its user, struct '>c32I6I6I6I6Bc0Bc0': hash, times
 * of opening, last use, expiry and absolute end, user agent, network. For ones that have expired long ago.
 */
export function sessionRecord({ openedAtMs, untilMs }: { openedAtMs: number; untilMs: number }): Buffer {
  const times = Buffer.alloc(24);
  for (const [index, ms] of [openedAtMs, openedAtMs, untilMs, untilMs].entries())
    times.writeUIntBE(ms, index * 6, 6);
  const text = (value: string) => Buffer.concat([Buffer.from([value.length]), Buffer.from(value)]);
  return Buffer.concat([Buffer.alloc(32, 7), times, text('Windows'), text('203.0.113.0/24')]);
}

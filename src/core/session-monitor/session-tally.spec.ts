import { ageClassOf, deviceClassOf, SessionTally } from './session-tally.js';

const HOUR_MS = 3_600_000;
const NOW_MS = Date.UTC(2026, 0, 31);
const session = (ageMs: number, userAgent = '', seenMs = ageMs) => ({
  openedAtMs: NOW_MS - ageMs,
  seenAtMs: NOW_MS - seenMs,
  userAgent,
});

describe('the tally of sessions', () => {
  it.each([
    ['Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36', 'desktop'],
    ['Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)', 'desktop'],
    ['Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101', 'desktop'],
    ['Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X)', 'mobile'],
    ['Mozilla/5.0 (Linux; Android 15; Pixel 9) Mobile', 'mobile'],
    ['Mozilla/5.0 (iPad; CPU OS 18_0 like Mac OS X)', 'tablet'],
    ['Mozilla/5.0 (Linux; Android 15; SM-X910)', 'tablet'],
    ['Mozilla/5.0 (compatible; Googlebot/2.1)', 'bot'],
    ['curl/8.9', 'bot'],
    ['', 'other'],
    ['something', 'other'],
  ])('takes %p for %s', (userAgent, expected) => {
    expect(deviceClassOf(userAgent)).toBe(expected);
  });

  it.each([
    [0, 'hour'],
    [HOUR_MS - 1, 'hour'],
    [HOUR_MS, 'day'],
    [24 * HOUR_MS, 'week'],
    [7 * 24 * HOUR_MS, 'month'],
    [30 * 24 * HOUR_MS, 'older'],
  ])('puts an age of %d ms into %s', (ageMs, expected) => {
    expect(ageClassOf(ageMs)).toBe(expected);
  });

  it('counts users, sessions, ages, devices and what is in use', () => {
    const tally = new SessionTally(NOW_MS);
    tally.add('a', [session(1000, 'curl/8'), session(2 * HOUR_MS, 'Windows', 1000)]);
    tally.add('b', [session(60 * 24 * HOUR_MS, '', HOUR_MS)]);
    tally.add('c', []);
    expect(tally.statistics(new Date(NOW_MS))).toEqual({
      takenAt: '2026-01-31T00:00:00.000Z',
      users: 2,
      sessions: 3,
      inUse: 2,
      byAge: { hour: 1, day: 1, week: 0, month: 0, older: 1 },
      byDevice: { desktop: 1, mobile: 0, tablet: 0, bot: 1, other: 1 },
      busiestUsers: [
        { name: expect.stringMatching(/^[\w-]{12}$/) as string, sessions: 2 },
        { name: expect.stringMatching(/^[\w-]{12}$/) as string, sessions: 1 },
      ],
    });
  });

  it('ranks the ten busiest users, each once, by names that do not show their tags', () => {
    const tally = new SessionTally(NOW_MS);
    const many = (count: number) => Array.from({ length: count }, () => session(0));
    for (let user = 1; user <= 30; user += 1) tally.add(`tag-${String(user)}`, many(user));
    tally.add('tag-30', many(30));
    const { busiestUsers } = tally.statistics(new Date(NOW_MS));
    expect(busiestUsers.map(({ sessions }) => sessions)).toEqual([30, 29, 28, 27, 26, 25, 24, 23, 22, 21]);
    expect(new Set(busiestUsers.map(({ name }) => name)).size).toBe(10);
    expect(JSON.stringify(busiestUsers)).not.toContain('tag');
  });
});

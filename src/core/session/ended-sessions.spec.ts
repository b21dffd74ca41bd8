import fc from 'fast-check';
import { EndedSessions } from './ended-sessions.js';

const claim = (sessionId: string, times: { openedAtMs?: number; issuedAtMs?: number } = {}) => ({
  subject: 'ada',
  sessionId,
  openedAtMs: 100,
  issuedAtMs: 1_000_000,
  ...times,
});

describe('what a process knows of ended sessions', () => {
  it('is every session that was ended, and nothing else', () => {
    const ended = new EndedSessions(true);
    ended.endSession('one', 500);
    expect(ended.hasEnded(claim('one'))).toBe(true);
    expect(ended.hasEnded(claim('two'))).toBe(false);
  });

  it('is every session of a user that was opened up to the highest epoch', () => {
    const ended = new EndedSessions(true);
    ended.endUser('ada', 300, 500);
    ended.endUser('ada', 200, 600);
    for (const [openedAtMs, isEnded] of [
      [0, true],
      [300, true],
      [301, false],
    ] as const)
      expect(ended.hasEnded(claim('one', { openedAtMs }))).toBe(isEnded);
    expect(ended.hasEnded({ ...claim('one'), subject: 'eve' })).toBe(false);
  });

  it('keeps the epochs of regions apart, which are times of different clocks', () => {
    const ended = new EndedSessions(true, undefined, 'local');
    ended.endUser('ada', 300, 500, 'eu');
    expect(ended.hasEnded(claim('one'))).toBe(false);
    expect(ended.hasEnded(claim('us.one'))).toBe(false);
    expect(ended.hasEnded(claim('eu.one'))).toBe(true);
    ended.endUser('ada', 300, 500, 'local');
    expect([ended.hasEnded(claim('one')), ended.hasEnded(claim('local.one'))]).toEqual([true, true]);
  });

  it('has a version that grows with news only', () => {
    const ended = new EndedSessions(true);
    ended.endSession('one', 500);
    ended.endUser('ada', 300, 500);
    const { version } = ended;
    ended.endSession('one', 900);
    ended.endUser('ada', 299, 900);
    expect(ended.version).toBe(version);
    ended.endUser('ada', 301, 900);
    expect(ended.version).toBeGreaterThan(version);
  });

  it('is forgotten when no token can be valid any more', () => {
    const ended = new EndedSessions(true);
    ended.endSession('one', 500);
    ended.endSession('two', 600);
    ended.endUser('ada', 50, 700);
    ended.forgetBefore(600);
    expect([ended.hasEnded(claim('one')), ended.hasEnded(claim('two')), ended.size]).toEqual([
      false,
      true,
      2,
    ]);
    ended.forgetBefore(701);
    expect(ended.size).toBe(0);
  });

  it('is nothing when it is switched off', () => {
    const ended = new EndedSessions(false);
    ended.endSession('one', 500);
    ended.endUser('ada', 300, 500);
    expect([ended.hasEnded(claim('one')), ended.size, ended.version]).toEqual([false, 0, 0]);
  });

  it('is bounded, and accepts no ended session for that: tokens of before the forgotten are refused', () => {
    const ends = fc.array(
      fc.record({ id: fc.nat(40), isUser: fc.boolean(), afterMs: fc.integer({ min: 0, max: 5000 }) }),
      { maxLength: 80 },
    );
    fc.assert(
      fc.property(ends, (list) => {
        const ended = new EndedSessions(true, 10);
        const all: { sessionId: string; subject: string; atMs: number }[] = [];
        let atMs = 1_000_000;
        for (const { id, isUser, afterMs } of list) {
          atMs += afterMs;
          if (isUser) ended.endUser(`user-${String(id)}`, atMs, atMs);
          else ended.endSession(`session-${String(id)}`, atMs);
          all.push({
            sessionId: isUser ? 'any' : `session-${String(id)}`,
            subject: isUser ? `user-${String(id)}` : 'somebody',
            atMs,
          });
          expect(ended.size).toBeLessThanOrEqual(10);
        }
        // Whatever was issued before its end stays refused.
        const firstEnds = new Map<string, (typeof all)[number]>();
        for (const each of all) {
          const key = `${each.sessionId} ${each.subject}`;
          if (!firstEnds.has(key)) firstEnds.set(key, each);
        }
        for (const { sessionId, subject, atMs: endMs } of firstEnds.values())
          expect(ended.hasEnded({ sessionId, subject, openedAtMs: endMs - 10, issuedAtMs: endMs - 5 })).toBe(
            true,
          );
        // Nobody who logs in afterwards is hit by it.
        const later = { sessionId: 'new', subject: 'new', openedAtMs: atMs + 1, issuedAtMs: atMs + 1001 };
        expect(ended.hasEnded(later)).toBe(false);
      }),
    );
  });
});

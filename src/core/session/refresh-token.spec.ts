import { createHash } from 'node:crypto';
import { createRefreshToken, createSuccessor, markOfSessionId, parseRefreshToken } from './refresh-token.js';

const tag = createHash('sha256').update('someone').digest();

describe('refresh tokens', () => {
  it('are read as they were made', () => {
    const token = createRefreshToken('', tag);
    expect(parseRefreshToken(token.text)).toEqual(token);
    expect(token.text).toMatch(/^[\w-]{76}$/);
  });

  it('have a successor of the same family with a secret of its own', () => {
    const token = createRefreshToken('', tag);
    const next = createSuccessor(token);
    expect([next.tag, next.sessionId]).toEqual([token.tag, token.sessionId]);
    expect(next.secretHash.equals(token.secretHash)).toBe(false);
  });

  it('differ in family and secret for the same person', () => {
    const [one, two] = [createRefreshToken('', tag), createRefreshToken('', tag)];
    expect(one.tag).toBe(two.tag);
    expect(one.sessionId).not.toBe(two.sessionId);
  });

  it('bear the mark of their region, and so do their session and their successor', () => {
    const token = createRefreshToken('eu-1', tag);
    expect(token.text).toMatch(/^eu-1\.[\w-]{76}$/);
    expect(parseRefreshToken(token.text)).toEqual(token);
    expect(createSuccessor(token)).toMatchObject({
      mark: 'eu-1',
      sessionId: token.sessionId,
      tag: token.tag,
    });
    expect(markOfSessionId(token.sessionId)).toBe('eu-1');
    expect(markOfSessionId(createRefreshToken('', tag).sessionId)).toBe('');
  });

  it.each(['operator', 'x.y', 'EU.AAAAAAAAAAAAAAAAAAAAAA', `eu.eu.${'A'.repeat(22)}`, 'A'.repeat(23)])(
    'have no session %p',
    (sessionId) => {
      expect(markOfSessionId(sessionId)).toBeNull();
    },
  );

  it.each([
    `.${'A'.repeat(76)}`,
    `EU.${'A'.repeat(76)}`,
    `eu.us.${'A'.repeat(76)}`,
    `a-region-of-17-xx.${'A'.repeat(76)}`,
    '',
    'x',
    'A'.repeat(75),
    'A'.repeat(77),
    `${'A'.repeat(75)}=`,
    `${'A'.repeat(75)}{`,
    'A'.repeat(75) + '\n',
  ])('are not %p', (text) => {
    expect(parseRefreshToken(text)).toBeNull();
  });
});

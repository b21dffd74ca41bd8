import { createHash } from 'node:crypto';
import { createRefreshToken, createSuccessor, parseRefreshToken } from './refresh-token.js';

const tag = createHash('sha256').update('someone').digest();

describe('refresh tokens', () => {
  it('are read as they were made', () => {
    const token = createRefreshToken(tag);
    expect(parseRefreshToken(token.text)).toEqual(token);
    expect(token.text).toMatch(/^[\w-]{76}$/);
  });

  it('have a successor of the same family with a secret of its own', () => {
    const token = createRefreshToken(tag);
    const next = createSuccessor(token);
    expect([next.tag, next.familyId]).toEqual([token.tag, token.familyId]);
    expect(next.secretHash.equals(token.secretHash)).toBe(false);
  });

  it('differ in family and secret for the same person', () => {
    const [one, two] = [createRefreshToken(tag), createRefreshToken(tag)];
    expect(one.tag).toBe(two.tag);
    expect(one.familyId).not.toBe(two.familyId);
  });

  it.each([
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

import { normalizeEmail } from './email-address.js';

describe('normalizeEmail', () => {
  it.each([
    ['Ada@Example.COM', 'ada@example.com'],
    [' ada@example.com\t', 'ada@example.com'],
    ['ａｄａ@example.com', 'ada@example.com'],
    ['zoe\u0308@example.com', 'zo\u00eb@example.com'],
  ])('brings %p to its one form', (given, expected) => {
    expect(normalizeEmail(given)).toBe(expected);
    expect(normalizeEmail(expected)).toBe(expected);
  });
});

import { API_HEADERS, PAGE_HEADERS } from './security-headers.js';

describe('the security headers', () => {
  it('let nothing be loaded, framed or sniffed from an answer of the API', () => {
    expect(API_HEADERS).toMatchObject({
      'content-security-policy': "default-src 'none';frame-ancestors 'none'",
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
    });
    expect(API_HEADERS['strict-transport-security']).toMatch(/^max-age=\d{8,}/);
  });

  it('let the page of the documentation run its own scripts and nobody else’s', () => {
    const policy = PAGE_HEADERS['content-security-policy'] ?? '';
    expect(policy).toContain("default-src 'self'");
    expect(policy).toContain("script-src 'self'");
    expect(policy).not.toMatch(/script-src[^;]*(\*|https?:|'unsafe-eval')/);
  });

  it('are the same for every request', () => {
    for (const value of [...Object.values(API_HEADERS), ...Object.values(PAGE_HEADERS)])
      expect(typeof value).toBe('string');
  });
});

import type { ExecutionContext } from '@nestjs/common';
import { Problem } from '../../common/problem.js';
import { loadConfig } from '../../config/index.js';
import { OriginCheckGuard } from './origin-check.guard.js';

const guard = new OriginCheckGuard(
  loadConfig({
    DATABASE_URL: 'postgres://localhost/none',
    PUBLIC_ORIGINS: 'https://shop.example, https://admin.example:8443/',
  }),
);

function answer(headers: Record<string, string>, host = 'api.example'): string {
  const context = { switchToHttp: () => ({ getRequest: () => ({ headers, host }) }) };
  try {
    guard.canActivate(context as ExecutionContext);
    return 'allowed';
  } catch (error) {
    if (error instanceof Problem) return error.code;
    throw error;
  }
}

describe('OriginCheckGuard', () => {
  it.each([
    ['no origin at all', {}, 'api.example'],
    ['a configured origin', { origin: 'https://shop.example' }, 'api.example'],
    ['a configured origin with a port', { origin: 'https://admin.example:8443' }, 'api.example'],
    ['its own host', { origin: 'https://api.example' }, 'api.example'],
    ['its own host with the default port spelt out', { origin: 'https://api.example' }, 'api.example:443'],
    ['its own host and port', { origin: 'http://localhost:3000' }, 'localhost:3000'],
    ['an own page without origin', { 'sec-fetch-site': 'same-origin' }, 'api.example'],
  ])('lets %s pass', (_, headers, host) => {
    expect(answer(headers, host)).toBe('allowed');
  });

  it.each([
    ['another site', { origin: 'https://evil.example' }],
    ['another scheme of a configured host', { origin: 'http://shop.example' }],
    ['another port of a configured host', { origin: 'https://shop.example:444' }],
    ['a host that only begins like ours', { origin: 'https://api.example.evil.example' }],
    ['a subdomain of ours', { origin: 'https://x.api.example' }],
    ['user info that looks like ours', { origin: 'https://api.example@evil.example' }],
    ['user info before our host', { origin: 'https://x@api.example' }],
    ['another port of ours', { origin: 'https://api.example:81' }],
    ['an opaque origin', { origin: 'null' }],
    ['an empty origin', { origin: '' }],
    ['no URL', { origin: 'api.example' }],
    ['another protocol', { origin: 'file://api.example' }],
    ['a cross-site request without origin', { 'sec-fetch-site': 'cross-site' }],
  ])('refuses %s', (_, headers) => {
    expect(answer(headers)).toBe('ORIGIN_NOT_ALLOWED');
  });
});

import { priorityOf } from './route-priorities.js';

describe('the priority of a route', () => {
  it.each([
    ['/health', null],
    ['/health/live', null],
    ['/.well-known/jwks.json', 'critical'],
    ['/api/v1/orders', 'critical'],
    ['/api/v1/orders/:id/payments', 'critical'],
    ['/api/v1/webhooks/:provider', 'critical'],
    ['/api/v1/auth/login', 'important'],
    ['/api/v1/cart/lines', 'important'],
    ['/api/v1/admin/products', 'important'],
    ['/api/v1/products', 'ordinary'],
    ['/api/v1/ordersomething', 'ordinary'],
    ['/healthy', 'ordinary'],
    ['/docs', 'ordinary'],
  ] as const)('%s: %s', (url, priority) => {
    expect(priorityOf(url)).toBe(priority);
  });
});

import { hasPermission, type Permission } from '../../core/access-control/index.js';
import { isRole, permissionsOf, type Role } from './roles.js';

const can = (role: Role, permission: Permission) =>
  hasPermission({ userId: 'u', sessionId: 's', role, permissions: permissionsOf(role) }, permission);

describe('the roles', () => {
  it.each<Permission>([
    'write:products',
    'write:categories',
    'read:stock',
    'write:stock',
    'read:users',
    'write:users',
  ])('keep customers from %s', (permission) => {
    expect(can('customer', permission)).toBe(false);
    expect(can('superadmin', permission)).toBe(true);
  });

  it('let customers buy', () => {
    expect(can('customer', 'write:orders')).toBe(true);
    expect(can('customer', 'read:orders')).toBe(true);
  });

  it('let administrators run the shop but not other accounts', () => {
    expect(can('admin', 'write:stock')).toBe(true);
    expect(can('admin', 'write:products')).toBe(true);
    expect(can('admin', 'write:users')).toBe(false);
  });

  it('are a closed set', () => {
    for (const name of ['root', '', 'Admin', '__proto__', 'constructor', null, 1])
      expect(isRole(name)).toBe(false);
  });
});

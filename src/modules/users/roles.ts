import type { Permission } from '../../core/access-control/index.js';

export const ROLES = ['customer', 'admin', 'superadmin'] as const;
export type Role = (typeof ROLES)[number];

/**
 * What each role may do. Whose records a permission reaches is the matter of its module: the orders of
 * a customer are its own, and the account of the token needs no permission at all. An access token carries the role and each process looks the permissions up here, so a change of
 * this table takes effect with the deployment, and a change of a person's role within one token life.
 */
const PERMISSIONS: Readonly<Record<Role, readonly Permission[]>> = {
  customer: ['read:products', 'read:categories', 'read:orders', 'write:orders'],
  admin: [
    'read:products',
    'write:products',
    'read:categories',
    'write:categories',
    'read:stock',
    'write:stock',
    'read:orders',
    'write:orders',
    'read:users',
    'read:health',
    'read:sessions',
    'write:sessions',
    'read:circuit-breakers',
    'write:circuit-breakers',
    'read:audit',
  ],
  superadmin: ['*'],
};

export function isRole(value: unknown): value is Role {
  return ROLES.some((role) => role === value);
}

export function permissionsOf(role: Role): readonly Permission[] {
  return PERMISSIONS[role];
}

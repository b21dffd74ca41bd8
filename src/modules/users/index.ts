export { isRole, permissionsOf, ROLES, type Role } from './roles.js';
export type { User } from './user.js';
export { UsersModule } from './users.module.js';
export { type AdminProvision, UsersService } from './users.service.js';

export {
  Anonymous,
  Authenticated,
  CurrentPrincipal,
  OptionallyAuthenticated,
  OptionalPrincipal,
  RequireFreshSession,
  RequirePermission,
} from './access.decorators.js';
export { AccessGuard } from './access.guard.js';
export type { AuthenticatedRequest } from './authenticated-request.js';
export { AccessTokenVerifier } from './access-token-verifier.js';
export { hasPermission, type Permission, type Principal } from './principal.js';

export { EndedSessions, type SessionClaim } from './ended-sessions.js';
export { SessionActivity } from './session-activity.js';
export { describeDevice, type SessionDevice } from './session-device.js';
export { SessionModule } from './session.module.js';
export {
  type IssuedToken,
  type Opening,
  type Rotation,
  type RotationRefusal,
  type SessionListing,
  SessionStore,
  type SessionView,
} from './session-store.js';
export { SessionRegionUnavailable, SessionStoreUnavailable } from './session.errors.js';
